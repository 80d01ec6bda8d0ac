//! Where a value of the configuration was given, and what is wrong with it.

use std::{fmt, path::Path, sync::Arc};

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// On the command line.
    Flag(&'static str),
    /// In the environment.
    Variable(&'static str),
    /// In the bootstrap file.
    File {
        /// Which.
        path: Arc<Path>,
        /// From 1.
        line: usize,
    },
    /// Nowhere: it is missing, or its default stands.
    Nowhere,
}

/// A value, and where it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given<T> {
    /// The value.
    pub(crate) value: T,
    /// What it is called in the file, such as `dataPlane.listen`.
    pub(crate) field: String,
    /// Where it was given.
    pub(crate) source: Source,
}

/// Something that keeps Onedoor from starting. The operator's to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What it is called in the file, such as `issuers[0].jwksUri`; empty for the file itself.
    pub(crate) field: String,
    /// Where it was given.
    pub(crate) source: Source,
    /// What is wrong.
    pub(crate) message: String,
    /// The way out.
    pub(crate) hint: String,
}

/// Everything that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    faults: Vec<Fault>,
    /// What keeps nothing from starting, and somebody should know all the same.
    remarks: Vec<String>,
}

impl<T> Given<T> {
    /// A fault of this value.
    pub(crate) fn fault(&self, message: impl Into<String>, hint: impl Into<String>) -> Fault {
        Fault {
            field: self.field.clone(),
            source: self.source.clone(),
            message: message.into(),
            hint: hint.into(),
        }
    }
}

impl Fault {
    /// A value that must be there, and is not.
    pub(crate) fn missing(field: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            source: Source::Nowhere,
            message: "is missing".to_owned(),
            hint: hint.into(),
        }
    }
}

impl Faults {
    /// What is missing because it was given badly is not told twice.
    pub(crate) fn add(&mut self, fault: Fault) {
        let was_given = || self.faults.iter().any(|told| told.field == fault.field);
        if fault.source != Source::Nowhere || !was_given() {
            self.faults.push(fault);
        }
    }

    /// Keeps something that keeps nothing from starting.
    pub(super) fn remark(&mut self, remark: &Fault) {
        self.remarks.push(remark.to_string().replace("\n    ", ": "));
    }

    /// The remarks so far, a line each, which are no longer held here.
    pub(super) fn take_remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.remarks)
    }

    /// The value of a good result; the fault of a bad one is added.
    pub(crate) fn keep<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.add(fault)).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    #[cfg(test)]
    pub(super) fn as_slice(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Nowhere => f.write_str("not given"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            source,
            message,
            hint,
        } = self;
        match (field.as_str(), source) {
            ("", source) => write!(f, "{source}: {message}")?,
            (field, Source::Nowhere) => write!(f, "{field} {message}")?,
            (field, source) => write!(f, "{source}: {field}: {message}")?,
        }
        write!(f, "\n    {hint}")
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.faults.len();
        let faults = if count == 1 { "fault" } else { "faults" };
        writeln!(f, "the configuration has {count} {faults}:")?;
        self.faults
            .iter()
            .try_for_each(|fault| writeln!(f, "\n  {fault}"))
    }
}
