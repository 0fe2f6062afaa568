"""Days of the proleptic Gregorian calendar as integers, for any year.

Eras of 400 years have 146,097 days; counting years from March puts the leap day last.
"""

from __future__ import annotations

_DAYS_PER_ERA = 146_097
_EPOCH_SHIFT = 719_468
"""Days from 0000-03-01 to 1970-01-01."""
_MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap(year: int) -> bool:
    """Whether February has 29 days."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_length(year: int, month: int) -> int:
    """Days of a month from 1 to 12."""
    return 29 if month == 2 and is_leap(year) else _MONTH_LENGTHS[month - 1]


def is_day(year: int, month: int, day: int) -> bool:
    """Whether there is such a day."""
    return 1 <= month <= 12 and 1 <= day <= month_length(year, month)


def day_number(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01."""
    if month <= 2:
        year -= 1
        month += 12
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * (month - 3) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * _DAYS_PER_ERA + day_of_era - _EPOCH_SHIFT


def from_day_number(number: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 1970-01-01."""
    era, day_of_era = divmod(number + _EPOCH_SHIFT, _DAYS_PER_ERA)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    return era * 400 + year_of_era + (month <= 2), month, day


def weekday(number: int) -> int:
    """ISO day of the week: 1 is Monday, 7 is Sunday."""
    return (number + 3) % 7 + 1


def day_of_year(year: int, month: int, day: int) -> int:
    """From 1 to 366."""
    return day_number(year, month, day) - day_number(year, 1, 1) + 1


def week_of_year(year: int, month: int, day: int) -> int:
    """ISO 8601 week, from 1 to 53: the week that has the Thursday belongs to the Thursday's year."""
    number = day_number(year, month, day)
    thursday = number - weekday(number) + 4
    thursday_year = from_day_number(thursday)[0]
    return (thursday - day_number(thursday_year, 1, 1)) // 7 + 1
