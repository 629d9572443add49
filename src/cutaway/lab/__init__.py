"""The lab: a web page on this machine that draws what the rooms computed. The only web code."""
