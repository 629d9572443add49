"""The one place where the version stands; packaging reads it from here."""

VERSION = "0.1.0"
