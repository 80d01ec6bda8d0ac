//! Parts that Onedoor keeps and passes on but does not use: their shape is checked and nothing is read from them.

use url::Url;

use super::{
    document::{Json, Node},
    faults::{Findings, shown},
    members::{Members, Rest},
};

/// What a value must look like.
#[derive(Debug)]
pub(super) enum Shape {
    Text,
    Flag,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// An absolute URL with one of these schemes.
    Url(&'static [&'static str]),
    List(&'static Shape),
    /// An object with any members.
    AnyObject,
    Object(&'static [Field], Rest),
    /// An object with members of any name and one shape.
    Map(&'static Shape),
    /// Read elsewhere.
    Elsewhere,
}

/// A member of an object.
#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    required: bool,
    shape: Shape,
}

pub(super) const fn required(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        required: true,
        shape,
    }
}

pub(super) const fn optional(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        required: false,
        shape,
    }
}

impl Shape {
    pub(super) fn check(&self, node: &Node<'_>, findings: &mut Findings) {
        let fits = match (self, &node.json) {
            (_, Json::Broken(_)) | (Self::Elsewhere, _) => true,
            (Self::Text, Json::Text(_))
            | (Self::Flag, Json::Flag(_))
            | (Self::AnyObject, Json::Object(_)) => true,
            (Self::OneOf(texts), Json::Text(text)) => texts.contains(&text.as_str()),
            (Self::Url(schemes), Json::Text(text)) => {
                Url::parse(text).is_ok_and(|url| schemes.contains(&url.scheme()))
            }
            (Self::List(item), Json::List(items)) => {
                items.iter().for_each(|node| item.check(node, findings));
                true
            }
            (Self::Map(value), Json::Object(members)) => {
                members
                    .iter()
                    .for_each(|member| value.check(&member.value, findings));
                true
            }
            (Self::Object(fields, rest), Json::Object(_)) => {
                check_fields(fields, *rest, node, findings);
                true
            }
            (
                Self::Text
                | Self::Flag
                | Self::OneOf(_)
                | Self::Url(_)
                | Self::List(_)
                | Self::AnyObject
                | Self::Object(..)
                | Self::Map(_),
                _,
            ) => false,
        };
        if !fits {
            let found = node.text().map_or_else(|| node.kind().to_owned(), shown);
            findings.unacceptable(
                node.at,
                format!("must be {}, not {found}", self.described()),
                "mend it or leave it out",
            );
        }
    }

    fn described(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::OneOf(texts) => format!("one of {}", texts.join(", ")),
            Self::Url(schemes) => format!("a URL that starts with {}:", schemes.join(": or ")),
            Self::List(_) => "a list".to_owned(),
            Self::AnyObject | Self::Object(..) | Self::Map(_) => "an object".to_owned(),
            Self::Elsewhere => "present".to_owned(),
        }
    }
}

fn check_fields(fields: &'static [Field], rest: Rest, node: &Node<'_>, findings: &mut Findings) {
    let Ok(members) = Members::of(node, "", findings) else {
        return;
    };
    for field in fields {
        match members.get(field.name) {
            Some(node) => field.shape.check(node, findings),
            None if field.required => {
                findings.unacceptable(members.at, format!("`{}` is missing", field.name), "add it");
            }
            None => {}
        }
    }
    let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
    members.judge_rest(&known, rest, findings);
}
