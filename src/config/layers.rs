//! Flags go before the environment, and that before the file.

use std::str::FromStr;

use super::source::{Fault, Faults, Given, Source};

/// Looks a variable up.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A value of the file, and what goes before it.
pub(super) struct Layer<'a> {
    /// What the file has, and then what counts.
    pub(super) given: &'a mut Option<Given<String>>,
    /// Its name in the file.
    pub(super) field: &'static str,
    pub(super) flag: &'static str,
    pub(super) variable: &'static str,
    /// The flag's value.
    pub(super) value: &'a Option<String>,
}

/// A layer as one line: what the file has, its name there, flag, variable, and the flag's value.
pub(super) fn layer<'a>(
    given: &'a mut Option<Given<String>>,
    [field, flag, variable]: [&'static str; 3],
    value: &'a Option<String>,
) -> Layer<'a> {
    Layer {
        given,
        field,
        flag,
        variable,
        value,
    }
}

/// Puts flags and variables over what the file has.
pub(super) fn lay<'a>(layers: impl IntoIterator<Item = Layer<'a>>, environment: Environment<'_>) {
    for layer in layers {
        let given = |source, value| Given {
            value,
            field: layer.field.to_owned(),
            source,
        };
        let flag = layer
            .value
            .clone()
            .map(|value| given(Source::Flag(layer.flag), value));
        let over = flag.or_else(|| {
            let value = environment(layer.variable)?;
            Some(given(Source::Variable(layer.variable), value))
        });
        if over.is_some() {
            *layer.given = over;
        }
    }
}

/// [`lay`] for something that is or is not: the flag says only that it is.
pub(super) fn lay_flag(
    given: &mut Option<Given<bool>>,
    [field, flag, variable]: [&'static str; 3],
    is_set: bool,
    environment: Environment<'_>,
    faults: &mut Faults,
) {
    let over = |source, value| Given {
        value,
        field: field.to_owned(),
        source,
    };
    if is_set {
        *given = Some(over(Source::Flag(flag), true));
    } else if let Some(text) = environment(variable) {
        let source = Source::Variable(variable);
        let read = bool::from_str(&text).map_err(|_| Fault {
            field: field.to_owned(),
            source: source.clone(),
            message: format!("{text:?} is neither true nor false"),
            hint: "write true or false".to_owned(),
        });
        *given = faults.keep(read).map(|value| over(source, value));
    }
}
