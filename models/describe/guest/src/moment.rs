//! Moments as pandas' `repr` spells them.
//!
//! Called for datetime columns. Proleptic Gregorian calendar without leap seconds, as in pandas.

const NANOSECONDS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// `Timestamp('2021-02-02 12:34:56.789000')` for nanoseconds since 1970-01-01T00:00:00.
pub(crate) fn timestamp(nanoseconds: i64) -> String {
    let (seconds, fraction) = (nanoseconds.div_euclid(NANOSECONDS), nanoseconds.rem_euclid(NANOSECONDS));
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let fraction = match (fraction, fraction % 1000) {
        (0, _) => String::new(),
        (_, 0) => format!(".{:06}", fraction / 1000),
        _ => format!(".{fraction:09}"),
    };
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("Timestamp('{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction}')")
}

/// Year, month and day of a day since 1970-01-01, after Howard Hinnant's `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // The year begins in March, so that the leap day is its last.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spelled_as_pandas_does() {
        let moments = [
            (0, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59.999999999"),
            (1_612_269_296_789_000_000, "2021-02-02 12:34:56.789000"),
            (951_782_400_000_000_000, "2000-02-29 00:00:00"),
            (i64::MAX, "2262-04-11 23:47:16.854775807"),
        ];
        for (nanoseconds, text) in moments {
            assert_eq!(timestamp(nanoseconds), format!("Timestamp('{text}')"));
        }
    }
}
