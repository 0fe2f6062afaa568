"""Dates, times and durations with the full range of FEEL (DMN 1.5, 10.3.2.3.4 to 10.3.2.3.8).

Python's ``datetime`` ends at the years 1 and 9999, at microseconds, and knows no months durations, so these
are value classes of our own over plain integers. Only time zones come from the standard library.
"""
