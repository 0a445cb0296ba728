use std::collections::BTreeMap;

use serde_json::{Map, Value};
use x509_parser::asn1_rs::{Any, Oid, Tag};
use x509_parser::x509::X509Name;

/// A distinguished name by attribute: `CN`, `O`, `OU`, `C`, `L`, `ST`, and the others that have a short name
/// (`STREET`, `DC`, `UID`, `SN`, `GN`, `title`, `initials`, `serialNumber`, `emailAddress`, `postalCode`,
/// `dnQualifier`, `organizationIdentifier`); any other by its number, such as `1.2.3.4`.
///
/// <https://www.rfc-editor.org/rfc/rfc4519>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name(BTreeMap<String, Vec<String>>);

/// An attribute's number, the name that it has here, and other names that it goes by in texts.
type Attribute = (&'static str, &'static str, &'static [&'static str]);

const ATTRIBUTES: [Attribute; 18] = [
    ("2.5.4.3", "CN", &["commonName"]),
    ("2.5.4.4", "SN", &["surname"]),
    ("2.5.4.5", "serialNumber", &[]),
    ("2.5.4.6", "C", &["countryName"]),
    ("2.5.4.7", "L", &["localityName"]),
    ("2.5.4.8", "ST", &["S", "stateOrProvinceName"]),
    ("2.5.4.9", "STREET", &["streetAddress"]),
    ("2.5.4.10", "O", &["organizationName"]),
    ("2.5.4.11", "OU", &["organizationalUnitName"]),
    ("2.5.4.12", "title", &["T"]),
    ("2.5.4.17", "postalCode", &[]),
    ("2.5.4.42", "GN", &["G", "givenName"]),
    ("2.5.4.43", "initials", &["I"]),
    ("2.5.4.46", "dnQualifier", &[]),
    ("2.5.4.97", "organizationIdentifier", &[]),
    ("0.9.2342.19200300.100.1.1", "UID", &["userId"]),
    ("0.9.2342.19200300.100.1.25", "DC", &["domainComponent"]),
    ("1.2.840.113549.1.9.1", "emailAddress", &["E", "Email"]),
];

const EXPECTED: &str = "expected attributes such as CN=a, O=b";

// === impl Name ===

impl Name {
    /// The attribute's value; `None` when it has none, or several.
    #[must_use]
    pub fn get(&self, attribute: &str) -> Option<&str> {
        match self.values(attribute) {
            [value] => Some(value),
            _ => None,
        }
    }

    /// All values of an attribute, in the order of the certificate.
    #[must_use]
    pub fn values(&self, attribute: &str) -> &[String] {
        self.0.get(attribute).map_or(&[], Vec::as_slice)
    }

    /// The name as JSON: an attribute with one value is a text, one with several an array of texts, so that
    /// none is lost and a comparison with one text never holds by halves.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        let value = |values: &[String]| match values {
            [value] => Value::from(value.as_str()),
            values => Value::from(values),
        };
        self.0.iter().map(|(attribute, values)| (attribute.clone(), value(values))).collect()
    }

    pub(super) fn of_der(name: &X509Name<'_>) -> Self {
        let mut found = Self::default();
        for attribute in name.iter_attributes() {
            found.add(&number(attribute.attr_type()), text(attribute.attr_value()));
        }
        found
    }

    /// Reads a name written as .NET writes it, for the service (`CN=a, O="b, c"`), or as RFC 4514 has it
    /// (`CN=a,O=b\, c`). The error says what was expected.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut found = Self::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (attribute, after) = rest.split_once('=').ok_or(EXPECTED)?;
            let attribute = attribute.trim_end();
            if attribute.is_empty()
                || !attribute.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
            {
                return Err(EXPECTED);
            }
            let value;
            (value, rest) = take_value(after.trim_start())?;
            found.add(attribute, value);
        }
        Ok(found)
    }

    fn add(&mut self, attribute: &str, value: String) {
        let number = match attribute.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case("OID.") => &attribute[4..],
            _ => attribute,
        };
        let is_same = |name: &&str| name.eq_ignore_ascii_case(number);
        let known = ATTRIBUTES
            .iter()
            .find(|(oid, name, others)| *oid == number || is_same(name) || others.iter().any(is_same));
        let name = known.map_or(number, |(_, name, _)| name);
        self.0.entry(name.to_owned()).or_default().push(value);
    }
}

// === private ===

/// A number such as `1.2.3.4`. One with a part beyond 64 bits in hexadecimal digits: to write it out takes
/// time that grows with the square of its length.
fn number(oid: &Oid<'_>) -> String {
    let parts = oid.iter().map(|parts| parts.map(|part| part.to_string()).collect::<Vec<_>>().join("."));
    parts.unwrap_or_else(|| super::hex(oid.as_bytes()))
}

/// A value and what follows the separator behind it.
fn take_value(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut characters = text.char_indices().peekable();
    if characters.next_if(|(_, first)| *first == '"').is_some() {
        loop {
            match characters.next().ok_or("expected a closing quotation mark")?.1 {
                '"' if characters.next_if(|(_, next)| *next == '"').is_none() => break,
                character => value.push(character),
            }
        }
        return match text[characters.peek().map_or(text.len(), |(at, _)| *at)..].trim_start() {
            "" => Ok((value, "")),
            rest => match rest.strip_prefix([',', ';', '+']) {
                Some(rest) => Ok((value, rest.trim_start())),
                None => Err("expected a comma after a quoted value"),
            },
        };
    }
    // White space at the end is none of the value unless it is escaped.
    let mut end = 0;
    while let Some((at, character)) = characters.next() {
        match character {
            ',' | ';' | '+' => {
                value.truncate(end);
                return Ok((value, text[at + 1..].trim_start()));
            }
            '\\' => {
                value.push(characters.next_if(|(_, next)| is_special(*next)).map_or('\\', |(_, next)| next));
                end = value.len();
            }
            character => {
                value.push(character);
                if !character.is_whitespace() {
                    end = value.len();
                }
            }
        }
    }
    value.truncate(end);
    Ok((value, ""))
}

/// What a backslash in front makes an ordinary character, in RFC 4514.
fn is_special(character: char) -> bool {
    matches!(character, ' ' | '"' | '#' | '+' | ',' | ';' | '<' | '=' | '>' | '\\')
}

/// An attribute's value as text; what is not text as `#` and hexadecimal digits, as in RFC 4514.
fn text(value: &Any<'_>) -> String {
    let bytes = value.data;
    let decoded = match value.tag() {
        Tag::BmpString => utf16(bytes),
        Tag::UniversalString => utf32(bytes),
        // Latin 1 is what those who write this type mean by it.
        Tag::T61String if std::str::from_utf8(bytes).is_err() => {
            Some(bytes.iter().map(|byte| char::from(*byte)).collect())
        }
        Tag::Utf8String
        | Tag::PrintableString
        | Tag::Ia5String
        | Tag::NumericString
        | Tag::VisibleString
        | Tag::T61String => std::str::from_utf8(bytes).ok().map(str::to_owned),
        _ => None,
    };
    decoded.unwrap_or_else(|| format!("#{}", super::hex(bytes)))
}

fn utf16(bytes: &[u8]) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
    rest.is_empty().then(|| String::from_utf16(&units).ok())?
}

fn utf32(bytes: &[u8]) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<4>();
    let characters = units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit)));
    if rest.is_empty() { characters.collect() } else { None }
}
