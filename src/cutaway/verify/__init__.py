"""Every figure the README claims, measured again on this machine."""
