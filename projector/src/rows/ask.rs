//! What both databases are asked and told in the same words.

use super::{
    column::Columns,
    statement::{Row, Statement, Value},
};
use crate::error::StoreError;

/// A query, piece by piece. Only what is written in this program becomes SQL: all else is a value of it, and its type keeps that so.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) sql: String,
    pub(crate) values: Row<'static>,
}

/// A database that can be asked.
pub(crate) trait Ask {
    type Row: Columns;

    /// The rows of the answer.
    fn ask(&self, question: Question) -> impl Future<Output = Result<Vec<Self::Row>, StoreError>> + Send;
}

/// A connection that writes.
pub(crate) trait Speak {
    type Row: Columns;

    /// The rows of the answer.
    fn ask(&mut self, question: Question)
    -> impl Future<Output = Result<Vec<Self::Row>, sqlx::Error>> + Send;

    /// How many rows a statement has written.
    fn tell(&mut self, statement: Statement<'_>) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;
}

impl Question {
    pub(crate) fn new(sql: &'static str) -> Self {
        Self {
            sql: sql.to_owned(),
            values: Vec::new(),
        }
    }

    /// Goes on with SQL.
    pub(crate) fn sql(&mut self, sql: &'static str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Goes on with a value.
    pub(crate) fn value(&mut self, value: impl Into<Value<'static>>) -> &mut Self {
        self.values.push(value.into());
        self.sql += &format!("${}", self.values.len());
        self
    }
}

/// Several statements, in their order.
pub(crate) async fn tell_all(
    connection: &mut impl Speak,
    statements: impl IntoIterator<Item = Statement<'_>, IntoIter: Send>,
) -> Result<(), sqlx::Error> {
    for statement in statements {
        connection.tell(statement).await?;
    }
    Ok(())
}
