"""The figures of a run: functions from plain data to charts, for the report and for files."""

MADE_BY = "made by optsearch"  # in every file that is written: what holds it may be written over by the next one
FORMATS = ("svg", "png", "pdf")
