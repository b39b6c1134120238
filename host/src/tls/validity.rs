//! From when until when a certificate is valid (RFC 5280, section 4.1.2.5), read out of its DER.
//!
//! Called by `tls` for the server's own chain: a server does not need the dates, and its clients refuse it over them. Reads no
//! more of a certificate than the fields on the way there; what it cannot read it leaves to rustls to judge.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::tls::error::TlsError;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT`, which the version is in.
const VERSION: u8 = 0xa0;

/// How long before its end a certificate is worth a word.
const SOON: Duration = Duration::from_secs(7 * 24 * 3600);

/// Refuses a chain that no client takes now.
pub(super) fn check(path: &Path, chain: &[CertificateDer<'_>]) -> Result<(), TlsError> {
    let now = Timestamp::now();
    for certificate in chain {
        let Some((begin, end)) = validity(certificate) else { continue };
        if end < now {
            return Err(TlsError::Expired { path: path.to_owned(), end });
        }
        if begin > now {
            return Err(TlsError::Future { path: path.to_owned(), begin });
        }
        if end < now.saturating_add(SOON).unwrap_or(Timestamp::MAX) {
            tracing::warn!(file = %path.display(), %end, "a certificate expires within a week");
        }
    }
    Ok(())
}

/// `notBefore` and `notAfter`.
fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let mut rest = certificate;
    let mut certificate = element(&mut rest, SEQUENCE)?;
    let mut fields = element(&mut certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        element(&mut fields, VERSION)?;
    }
    element(&mut fields, INTEGER)?;
    element(&mut fields, SEQUENCE)?;
    element(&mut fields, SEQUENCE)?;
    let mut validity = element(&mut fields, SEQUENCE)?;
    Some((time(&mut validity)?, time(&mut validity)?))
}

/// Takes the next element, which must have this tag, off `rest`: its content.
fn element<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (&found, after) = rest.split_first()?;
    let (&first, after) = after.split_first()?;
    let (length, after) = match first {
        0..=0x7f => (usize::from(first), after),
        0x81..=0x84 => {
            let (digits, after) = after.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), after)
        }
        _ => return None,
    };
    let (content, after) = after.split_at_checked(length)?;
    *rest = after;
    (found == tag).then_some(content)
}

fn time(rest: &mut &[u8]) -> Option<Timestamp> {
    let tag = *rest.first()?;
    let text = std::str::from_utf8(element(rest, tag)?).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, text) = match tag {
        UTC_TIME => {
            let (year, text) = text.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            // Two digits mean 1950 to 2049.
            (if year < 50 { 2000 + year } else { 1900 + year }, text)
        }
        GENERALIZED_TIME => {
            let (year, text) = text.split_at_checked(4)?;
            (year.parse().ok()?, text)
        }
        _ => return None,
    };
    let part = |at: usize| text.get(at..at + 2)?.parse::<i8>().ok();
    let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    let date = Date::new(year, month, day).ok()?;
    let time = Time::new(hour, minute, second, 0).ok()?;
    format!("{}Z", date.to_datetime(time)).parse().ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn certificate(begin: (i32, u8, u8), end: (i32, u8, u8)) -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(begin.0, begin.1, begin.2);
        params.not_after = rcgen::date_time_ymd(end.0, end.1, end.2);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn day(year: i16, month: i8, day: i8) -> Timestamp {
        format!("{}T00:00:00Z", date(year, month, day)).parse().unwrap()
    }

    #[test]
    fn both_spellings_of_a_time_are_read() {
        let found = validity(&certificate((1951, 2, 3), (2049, 12, 31)));
        assert_eq!(found, Some((day(1951, 2, 3), day(2049, 12, 31))));
        let found = validity(&certificate((2020, 2, 29), (2050, 1, 1)));
        assert_eq!(found, Some((day(2020, 2, 29), day(2050, 1, 1))));
    }

    #[test]
    fn what_is_past_or_to_come_is_refused_with_its_date() {
        let check = |begin, end| check(Path::new("a.pem"), &[certificate(begin, end)]);
        assert!(check((2020, 1, 1), (2099, 1, 1)).is_ok());
        let expired = check((2020, 1, 1), (2021, 2, 3)).unwrap_err().to_string();
        assert!(
            expired.contains("expired at 2021-02-03T00:00:00Z") && expired.contains("hint:"),
            "{expired}"
        );
        let future = check((2098, 1, 1), (2099, 1, 1)).unwrap_err().to_string();
        assert!(future.contains("valid from 2098-01-01T00:00:00Z"), "{future}");
    }

    #[test]
    fn what_is_no_certificate_is_nobodys_panic() {
        let whole = certificate((2020, 1, 1), (2099, 1, 1));
        for end in 0..whole.len() {
            let _ = validity(&whole[..end]);
        }
        for at in 0..whole.len().min(200) {
            for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut damaged = whole.to_vec();
                damaged[at] = byte;
                let _ = validity(&damaged);
            }
        }
    }
}
