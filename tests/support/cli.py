"""The program `sloburn` with all of its commands, for a `CliRunner`."""

from app.cli.application import application

app = application()
