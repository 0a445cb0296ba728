//! PostgreSQL, asked with a query of one's own.
//!
//! A parameter goes as text and takes the type that the query gives it: in `where id = $1` that of the column. The
//! row comes back as JSON by `row_to_json` (<https://www.postgresql.org/docs/current/functions-json.html>), which
//! writes dates and times in ISO 8601 and whatever JSON has no form for as text. As the query stands within
//! another, it can only read.

use std::error::Error;
use std::fmt;

use bytes::BytesMut;
use deadpool::managed::{Pool, PoolError};
use serde_json::Value;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

use super::{Failure, Finding, Lookup, Mistake, Network, Outcome, Question, network, object, text};

mod connections;
mod parameters;

use connections::{Busy, Connections};

/// A query that gives at most one row.
pub struct Sql {
    /// The name of the app setting that holds the URL.
    setting: String,
    /// The query, within another that turns its row into JSON.
    query: String,
    parameters: usize,
    connections: Pool<Connections>,
}

/// A value as text, of whatever type the server takes it for. `None` is null.
#[derive(Debug)]
struct Text<'a>(Option<&'a str>);

/// Connections to the server; a look-up holds one for the time of its query.
const CONNECTIONS: usize = 8;

/// The largest row that is read, in characters of its JSON.
const ROW: usize = 1024 * 1024;

// === impl Sql ===

impl Sql {
    /// A look-up by `query`, with `parameters` parameters, `$1` and so on, at the server of `url`, the value of
    /// the app setting `setting`: `postgresql://user:password@host:5432/database`. Nothing is connected yet.
    ///
    /// TLS is used with every server but those on this machine, where it is if the server has it; `sslmode` in
    /// the URL says otherwise. With TLS the server's certificate is always verified.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] when `url` is no such URL, without quoting it, or `query` has other parameters.
    pub fn new(
        setting: &str,
        url: &str,
        query: &str,
        parameters: usize,
        network: &Network,
    ) -> Result<Self, Mistake> {
        parameters::check(query, parameters)?;
        let connections = Connections::new(url, network)
            .map_err(|mistake| Mistake::new(format!("the app setting {setting}: {mistake}")))?;
        let query = query.trim().trim_end_matches(';');
        // Two rows, so that a second one is noticed. The line end closes a comment that the query may end with.
        let query = format!(
            "SELECT left(row_to_json(found)::text, {}) FROM (SELECT * FROM ({query}\n) AS query LIMIT 2) AS found",
            ROW + 1
        );
        let connections = Pool::builder(connections)
            .max_size(CONNECTIONS)
            .build()
            .map_err(|error| Mistake::new(format!("no pool of connections: {error}")))?;
        Ok(Self { setting: setting.to_owned(), query, parameters, connections })
    }

    async fn ask(&self, values: &[Value]) -> Outcome {
        let values: Vec<_> = values.iter().map(text).collect();
        if values.len() != self.parameters {
            return Err(Failure::new(format!("expected {} values, found {}", self.parameters, values.len())));
        }
        let values: Vec<_> = values.iter().map(|value| Text(value.as_deref())).collect();
        let values: Vec<(&(dyn ToSql + Sync), Type)> =
            // Of an unknown type, as a quoted literal is.
            values.iter().map(|value| (value as &(dyn ToSql + Sync), Type::UNKNOWN)).collect();

        let connection = self.connections.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            _ => Failure::new("no connection is free"),
        })?;
        let rows = Busy::run(connection, async |client| client.query_typed(&self.query, &values).await).await;
        let rows = rows.ok_or(Failure::new("no connection"))?.map_err(|error| failure(&error))?;
        match rows.as_slice() {
            [] => Ok(None),
            [row] => {
                let json: &str = row.try_get(0).map_err(|error| failure(&error))?;
                if json.chars().count() > ROW {
                    return Err(Failure::new("its row is too large"));
                }
                object(json.as_bytes())
                    .map(Some)
                    .map_err(|failure| Failure::new(format!("its row: {failure}")))
            }
            _ => Err(Failure::new("the query returned more than one row")),
        }
    }
}

impl Lookup for Sql {
    fn subject(&self) -> String {
        format!("PostgreSQL at {}", self.setting)
    }

    fn find<'a>(&'a self, question: &'a Question<'a>) -> Finding<'a> {
        Box::pin(self.ask(question.values))
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sql")
            .field("setting", &self.setting)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

// === impl Text ===

impl ToSql for Text<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(match self.0 {
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

// === private ===

/// Why a query or a connection failed. Of the server's own words only those are passed on that are about the query:
/// others quote the URL's names, or a parameter.
fn failure(error: &tokio_postgres::Error) -> Failure {
    let Some(refused) = error.as_db_error() else {
        return Failure::new(match error.source().map(ToString::to_string).as_deref() {
            Some("server does not support TLS") => {
                "the server does not offer TLS (sslmode=disable in the URL allows plain connections)"
                    .to_owned()
            }
            _ if error.is_closed() => network::BROKE_OFF.to_owned(),
            _ => network::reason(error),
        });
    };
    let code = refused.code().code();
    let words = match code.get(..2) {
        Some("42") => refused.message(),
        Some("22") => "a parameter's value does not fit the query",
        Some("28") => "the user was rejected",
        Some("3D") => "the database does not exist",
        Some("53") => "the server is out of resources",
        Some("57") => "the server is starting or stopping, or cancelled the query",
        _ => "see its own log",
    };
    Failure::new(format!("PostgreSQL error {code}: {words}"))
}
