"""The front door: settings, command line, supervisor and the demo town."""
