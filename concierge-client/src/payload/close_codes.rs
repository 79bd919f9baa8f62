//! What the close codes of both protocols have in common: each is a row of a table.

/// Has an enum of close codes be what its table says: `CODES`, whose rows are a code, its number, its name and something more.
macro_rules! close_codes {
    ($code:ident, $more:ty) => {
        impl $code {
            /// The code's name, as the protocol spells it; `OTHER` for one it does not know.
            pub fn name(self) -> &'static str {
                self.row().map_or("OTHER", |(_, _, name, _)| name)
            }

            fn row(self) -> Option<&'static (Self, u16, &'static str, $more)> {
                CODES.iter().find(|(code, ..)| *code == self)
            }
        }

        impl From<u16> for $code {
            fn from(number: u16) -> Self {
                let row = CODES.iter().find(|(_, known, ..)| *known == number);
                row.map_or(Self::Other(number), |(code, ..)| *code)
            }
        }

        impl From<$code> for u16 {
            fn from(code: $code) -> Self {
                match code {
                    $code::Other(number) => number,
                    known => known.row().map_or(1006, |(_, number, ..)| *number),
                }
            }
        }

        impl std::fmt::Display for $code {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "{} {}", u16::from(*self), self.name())
            }
        }

        #[cfg(test)]
        mod numbers {
            use super::$code;

            #[test]
            fn every_number_survives_the_way_there_and_back() {
                for number in 0..=u16::MAX {
                    assert_eq!(u16::from($code::from(number)), number);
                }
            }
        }
    };
}

pub(crate) use close_codes;
