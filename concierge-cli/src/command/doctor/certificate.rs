//! Until when a certificate is valid (RFC 5280, section 4.1.2.5): as much of DER as that takes. Pure.
//!
//! Whether it is trusted was decided by whoever agreed on TLS; this is read to say how long that will stay so.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// How a time looks.
const FORM: &str = "YYYYMMDDhhmmssZ";

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The last moment at which a certificate is valid; none when it cannot be read.
pub(super) fn valid_until(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (mut fields, _) = expect(SEQUENCE, certificate)?;
    if let Some((_, rest)) = expect(VERSION, fields) {
        fields = rest;
    }
    // The serial number, the algorithm of the signature, the issuer.
    for _ in 0..3 {
        fields = element(fields)?.rest;
    }
    let (validity, _) = expect(SEQUENCE, fields)?;
    let not_after = element(element(validity)?.rest)?;
    let text = std::str::from_utf8(not_after.content).ok()?;
    let text = match (not_after.tag, text.get(..2)?) {
        (GENERALIZED_TIME, _) => text.to_owned(),
        (UTC_TIME, year) if year < "50" => format!("20{text}"),
        (UTC_TIME, _) => format!("19{text}"),
        _ => return None,
    };
    // Each part has all of its digits, which `strptime` does not insist on.
    if text.len() != FORM.len() {
        return None;
    }
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

/// The content of an element of this kind, and what follows.
fn expect(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    element(der).filter(|element| element.tag == tag).map(|element| (element.content, element.rest))
}

fn element(der: &[u8]) -> Option<Element<'_>> {
    let [tag, length, rest @ ..] = der else { return None };
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (bytes, rest) =
            rest.split_at_checked(usize::from(*length & 0x7f)).filter(|(bytes, _)| bytes.len() <= 4)?;
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some(Element { tag: *tag, content, rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let length = match u8::try_from(length) {
            Ok(short) if short < 0x80 => vec![short],
            _ => [&[0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
        };
        [&[tag][..], &length, content].concat()
    }

    fn certificate(version: bool, not_after: &[u8]) -> Vec<u8> {
        let version = if version { der(VERSION, &der(2, &[2])) } else { Vec::new() };
        let validity = [&der(UTC_TIME, b"000101000000Z")[..], not_after].concat();
        let fields = [
            version,
            der(2, &[1; 20]),
            der(SEQUENCE, &[5, 0]),
            der(SEQUENCE, &[0; 300]),
            der(SEQUENCE, &validity),
            der(SEQUENCE, b"the rest"),
        ];
        der(SEQUENCE, &[der(SEQUENCE, &fields.concat()), der(SEQUENCE, b"a signature")].concat())
    }

    #[test]
    fn the_end_is_read_in_both_of_its_forms() {
        for (tag, text, moment) in [
            (UTC_TIME, "301231235959Z", "2030-12-31T23:59:59Z"),
            (UTC_TIME, "991231235959Z", "1999-12-31T23:59:59Z"),
            (GENERALIZED_TIME, "29990101000000Z", "2999-01-01T00:00:00Z"),
        ] {
            for version in [true, false] {
                let certificate = certificate(version, &der(tag, text.as_bytes()));
                assert_eq!(valid_until(&certificate).unwrap().to_string(), moment);
            }
        }
    }

    #[test]
    fn what_cannot_be_read_has_no_end() {
        let whole = certificate(true, &der(UTC_TIME, b"301231235959Z"));
        for length in 0..whole.len() - 30 {
            assert_eq!(valid_until(&whole[..length]), None, "{length}");
        }
        for time in [&b""[..], b"x", b"\xff\xff", b"30123123595Z", b"301331235959Z"] {
            assert_eq!(valid_until(&certificate(true, &der(UTC_TIME, time))), None);
        }
        assert_eq!(valid_until(&[SEQUENCE, 0xff, 0, 0]), None);
    }
}
