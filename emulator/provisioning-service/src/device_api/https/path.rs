//! The paths of the device API.

use percent_encoding::percent_decode_str;

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The provisioning instance.
    pub(crate) id_scope: String,
    /// The device.
    pub(crate) registration_id: String,
    /// The operation, or nothing if the path names none.
    pub(crate) operation_id: String,
    /// What is to be done.
    pub(crate) route: Route,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `PUT …/register`.
    Register,
    /// `GET …/operations/{operationId}`.
    Operation,
    /// `POST …/registrations/{registrationId}`.
    Lookup,
}

// === impl Call ===

impl Call {
    /// What `path` names; `None` if it is not a path of the device API. Segments are percent-decoded; the words
    /// between the ids are read in any case, as the real service’s router does.
    pub(crate) fn read(path: &str) -> Option<Self> {
        let segments: Vec<_> = path
            .strip_prefix('/')?
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8().ok())
            .collect::<Option<_>>()?;
        let [id_scope, word, registration_id, rest @ ..] = segments.as_slice() else { return None };
        let (route, operation_id) = match rest {
            [] => (Route::Lookup, ""),
            [word] if word.eq_ignore_ascii_case("register") => (Route::Register, ""),
            [word, id] if word.eq_ignore_ascii_case("operations") => (Route::Operation, &**id),
            _ => return None,
        };
        let complete = !id_scope.is_empty() && !registration_id.is_empty();
        (complete && word.eq_ignore_ascii_case("registrations")).then(|| Self {
            id_scope: id_scope.to_string(),
            registration_id: registration_id.to_string(),
            operation_id: operation_id.to_owned(),
            route,
        })
    }
}

// === impl Route ===

impl Route {
    /// The one method it is called with.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Register => "PUT",
            Self::Operation => "GET",
            Self::Lookup => "POST",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let call = |id: &str, operation: &str, route| {
            let (registration_id, operation_id) = (id.to_owned(), operation.to_owned());
            Some(Call { id_scope: "0ne1".to_owned(), registration_id, operation_id, route })
        };
        let table = [
            ("/0ne1/registrations/dev1/register", call("dev1", "", Route::Register)),
            ("/0ne1/registrations/dev1/operations/4.a.b", call("dev1", "4.a.b", Route::Operation)),
            ("/0ne1/registrations/dev1/operations/", call("dev1", "", Route::Operation)),
            ("/0ne1/registrations/dev1", call("dev1", "", Route::Lookup)),
            ("/0ne1/Registrations/Dev1/REGISTER", call("Dev1", "", Route::Register)),
            ("/0ne1/registrations/a%3Ab%2f/register", call("a:b/", "", Route::Register)),
            ("/0ne1/registrations/%ff/register", None),
            ("/0ne1/registrations//register", None),
            ("//registrations/dev1/register", None),
            ("/0ne1/registrations/dev1/register/", None),
            ("/0ne1/registrations/dev1/operations", None),
            ("/0ne1/enrollments/dev1", None),
            ("/0ne1/registrations", None),
            ("/", None),
            ("*", None),
        ];
        for (path, expected) in table {
            assert_eq!(Call::read(path), expected, "{path}");
        }
    }
}
