//! What a command has to tell, and the forms it can be told in. Which form is wanted is decided in [`Output`](super::Output).

use super::style::Palette;

/// One result of a command, in each form that it can be written in.
pub(crate) trait Record {
    /// A JSON object whose first field is `type`: the protocol's own for a payload, else in `lower_snake`. `v` and `ts` are put
    /// before it when it is written.
    fn object(&self) -> String;

    /// Whole lines for people. What comes from elsewhere is escaped.
    fn human(&self, view: View) -> String;

    /// The objects it consists of, for one a line: the entries of a list, else itself.
    fn objects(&self) -> Vec<String> {
        vec![self.object()]
    }

    /// A row of fields for each entry, always as many and in the same order.
    fn rows(&self) -> Vec<Vec<String>>;

    /// What it is all about and nothing else, a line each: the data of a message, the names of a list. Not escaped.
    fn raw(&self) -> Vec<String>;
}

/// Where something is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// The colours there are.
    pub palette: Palette,
    /// Whether a person looks at it: then columns have heads.
    pub terminal: bool,
}
