//! Values that lookups compare with. Numbers are compared as numbers, and exactly.

use std::{
    cmp::Ordering,
    fmt::{self, Display, Formatter},
};

use serde_json::Value;

/// What is no array and no object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scalar {
    /// `null`
    Null,
    /// `false` or `true`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    Text(Box<str>),
}

/// A number of JSON. One that is whole is never a [`Number::Fraction`], unless it is beyond all whole numbers here.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Whole(i128),
    Fraction(f64),
}

impl Scalar {
    /// The value, unless it is an array or an object.
    pub(super) fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(value) => Some(Self::Bool(*value)),
            Value::Number(number) => Some(Self::Number(Number::from_json(number))),
            Value::String(text) => Some(Self::Text(text.as_str().into())),
            Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Whether that value is this one.
    pub(super) fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(text), Value::String(value)) => **text == **value,
            (Self::Text(_), _) | (_, Value::String(_)) => false,
            _ => Self::from_json(value).is_some_and(|value| value == *self),
        }
    }

    /// How that value compares with this one: if both are numbers, or both are strings.
    pub(super) fn order_of(&self, value: &Value) -> Option<Ordering> {
        match (self, value) {
            (Self::Text(text), Value::String(value)) => Some((**value).cmp(&**text)),
            (Self::Number(number), Value::Number(value)) => Some(Number::from_json(value).cmp(number)),
            _ => None,
        }
    }

    /// Whether it has an order among its kind.
    pub(super) fn has_order(&self) -> bool {
        matches!(self, Self::Number(_) | Self::Text(_))
    }
}

/// As JSON.
impl Display for Scalar {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => write!(formatter, "{value}"),
            Self::Number(Number::Whole(number)) => write!(formatter, "{number}"),
            Self::Number(Number::Fraction(number)) => write!(formatter, "{}", Value::from(*number)),
            Self::Text(text) => write!(formatter, "{}", Value::from(&**text)),
        }
    }
}

impl Number {
    /// Above it, whole numbers do not fit; it is a number of both kinds.
    const BEYOND: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

    fn from_json(number: &serde_json::Number) -> Self {
        if let Some(number) = number.as_i128() {
            return Self::Whole(number);
        }
        // Without the feature for arbitrary precision each number that is not whole has this form.
        let number = number.as_f64().unwrap_or_default();
        if number.fract() == 0.0 && number.abs() < Self::BEYOND {
            Self::Whole(whole(number))
        } else {
            Self::Fraction(number)
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "what is cut off is nothing, or asked for")]
fn whole(number: f64) -> i128 {
    number as i128
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (*self, *other) {
            (Self::Whole(one), Self::Whole(other)) => one.cmp(&other),
            (Self::Fraction(one), Self::Fraction(other)) => one.total_cmp(&other),
            (Self::Whole(whole), Self::Fraction(fraction)) => whole_to_fraction(whole, fraction),
            (Self::Fraction(fraction), Self::Whole(whole)) => whole_to_fraction(whole, fraction).reverse(),
        }
    }
}

/// They are never equal.
fn whole_to_fraction(number: i128, fraction: f64) -> Ordering {
    if fraction >= Number::BEYOND {
        Ordering::Less
    } else if fraction <= -Number::BEYOND || number > whole(fraction.floor()) {
        Ordering::Greater
    } else {
        Ordering::Less
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_have_one_order_whatever_they_are_written_as() {
        let ascending = [
            "-1e300",
            "-1e38",
            "-18446744073709551616",
            "-9007199254740993",
            "-9007199254740992",
            "-1.5",
            "-1",
            "-0.5",
            "0",
            "5e-324",
            "0.5",
            "1",
            "1.0000000000000002",
            "9007199254740992",
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "1.7014118346046921e38",
            "1.7014118346046923e38",
            "1e300",
        ];
        let numbers: Vec<Scalar> = ascending
            .iter()
            .map(|text| Scalar::from_json(&serde_json::from_str(text).unwrap()).unwrap())
            .collect();
        for (one, number) in numbers.iter().enumerate() {
            for (other, value) in ascending.iter().enumerate() {
                let value: Value = serde_json::from_str(value).unwrap();
                assert_eq!(number.order_of(&value), Some(other.cmp(&one)), "{number} and {value}");
                assert_eq!(number.is(&value), one == other, "{number} and {value}");
            }
        }
    }

    #[test]
    fn what_is_equal_is_written_in_one_way() {
        for (one, other) in
            [("1", "1.0"), ("0", "-0.0"), ("100", "1e2"), ("18446744073709551616", "1.8446744073709552e19")]
        {
            let scalar = |text| Scalar::from_json(&serde_json::from_str(text).unwrap()).unwrap();
            assert_eq!(scalar(one), scalar(other));
            assert_eq!(scalar(one).to_string(), scalar(other).to_string());
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for value in [
            json!(null),
            json!(true),
            json!("\"\u{1b}ü"),
            json!(1.5),
            json!(1e300),
            json!(-7),
            json!(u64::MAX),
            json!(1e30),
        ] {
            let scalar = Scalar::from_json(&value).unwrap();
            let again: Value = serde_json::from_str(&scalar.to_string()).unwrap();
            assert_eq!(Scalar::from_json(&again), Some(scalar));
        }
    }

    #[test]
    fn a_fraction_is_read_to_its_last_digit() {
        let text = "1.6744071597590557";
        let scalar = Scalar::from_json(&serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(scalar.to_string(), text);
    }

    #[test]
    fn types_are_not_mixed() {
        for (scalar, value) in [
            ("1", json!("1")),
            ("null", json!(false)),
            ("0", json!(null)),
            ("\"\"", json!(null)),
            ("1", json!([1])),
            ("true", json!(1)),
        ] {
            let scalar = Scalar::from_json(&serde_json::from_str(scalar).unwrap()).unwrap();
            assert!(!scalar.is(&value), "{scalar} is not {value}");
            assert_eq!(scalar.order_of(&value), None);
        }
    }
}
