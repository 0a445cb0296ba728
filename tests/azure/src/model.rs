//! What exists in Azure, as far as the scripts can tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::calls::variable;

/// The model, as in the state file. A test writes it before a run and reads it afterwards.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Azure {
    /// The subscription of the signed-in user; none if nobody is signed in.
    pub(crate) subscription: Option<String>,
    /// Installed extensions of az.
    pub(crate) extensions: Vec<String>,
    /// Regions with Flex Consumption.
    pub(crate) flex_locations: Vec<String>,
    /// Names, unique worldwide, that somebody else has.
    pub(crate) names_taken: Vec<String>,
    /// Resource groups by name.
    pub(crate) groups: BTreeMap<String, Group>,
    /// The resources in the groups.
    pub(crate) resources: Vec<Resource>,
    /// Enrollment groups, by `<DPS instance>/<id>`.
    pub(crate) enrollment_groups: BTreeMap<String, Value>,
    /// Registrations, by `<DPS instance>/<registration id>`.
    pub(crate) registrations: BTreeMap<String, Value>,
    /// The rows of Application Insights, and the query of each `az rest`.
    pub(crate) log_rows: Vec<Vec<String>>,
    pub(crate) queries: Vec<String>,
    /// The functions of the app that is published: the path of each one's address, by name.
    pub(crate) functions: BTreeMap<String, String>,
    /// How many more times a published function is not found.
    pub(crate) function_appears_after: u32,
    /// What curl gets before the function's own answer: a status, or `refused` for no connection.
    pub(crate) webhook_first: Vec<String>,
    /// What DPS gets instead of the function's own answer, by registration id: a status or `no hub`.
    pub(crate) webhook_for_dps: BTreeMap<String, String>,
    /// Failures by command, one for each of its next calls, which then have no effect.
    pub(crate) failures: BTreeMap<String, Vec<Failure>>,
    /// How many keys were created; each has another value.
    pub(crate) keys_made: u32,
}

/// A resource group.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) location: String,
    pub(crate) tags: BTreeMap<String, String>,
}

/// Anything in a resource group.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resource {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) group: String,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) properties: Map<String, Value>,
}

/// The exit code and message of az: all of its standard error if it contains `ERROR: `, otherwise what follows that.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) says: String,
}

pub(crate) const SITE: &str = "Microsoft.Web/sites";
pub(crate) const PLAN: &str = "Microsoft.Web/serverFarms";
pub(crate) const STORAGE: &str = "Microsoft.Storage/storageAccounts";
pub(crate) const INSIGHTS: &str = "Microsoft.Insights/components";
pub(crate) const HUB: &str = "Microsoft.Devices/IotHubs";
pub(crate) const DPS: &str = "Microsoft.Devices/provisioningServices";

// === impl Azure ===

impl Default for Azure {
    fn default() -> Self {
        Self {
            subscription: Some("Contoso subscription".to_owned()),
            extensions: Vec::new(),
            flex_locations: ["eastus", "westus2", "northeurope"].map(str::to_owned).into(),
            names_taken: Vec::new(),
            groups: BTreeMap::new(),
            resources: Vec::new(),
            enrollment_groups: BTreeMap::new(),
            registrations: BTreeMap::new(),
            log_rows: Vec::new(),
            queries: Vec::new(),
            // Azure gives the function's name in lower case here.
            functions: BTreeMap::from([("HttpTrigger1".to_owned(), "api/httptrigger1".to_owned())]),
            function_appears_after: 0,
            webhook_first: Vec::new(),
            webhook_for_dps: BTreeMap::new(),
            failures: BTreeMap::new(),
            keys_made: 0,
        }
    }
}

impl Azure {
    /// The resource of this type and name, ignoring case as Azure does.
    pub(crate) fn find(&self, kind: &str, name: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.is(kind, name))
    }

    /// The same, mutable.
    pub(crate) fn find_mut(&mut self, kind: &str, name: &str) -> Option<&mut Resource> {
        self.resources.iter_mut().find(|resource| resource.is(kind, name))
    }

    /// A new function key. The tests look for the word SECRET in everything that is printed; the last characters
    /// must be percent-encoded in a URL.
    pub(crate) fn make_key(&mut self, name: &str) -> String {
        self.keys_made += 1;
        format!("SECRET{}{name}+/a_-==", self.keys_made)
    }
}

// === impl Resource ===

impl Resource {
    fn is(&self, kind: &str, name: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.name.eq_ignore_ascii_case(name)
    }

    /// Its Azure resource id.
    pub(crate) fn id(&self) -> String {
        format!("/subscriptions/0000/resourceGroups/{}/providers/{}/{}", self.group, self.kind, self.name)
    }

    /// As `az resource show` and `az resource list` print it.
    pub(crate) fn shown(&self) -> Value {
        // The service returns null for no tags.
        let tags = if self.tags.is_empty() { Value::Null } else { json!(self.tags) };
        json!({"id": self.id(), "name": self.name, "type": self.kind, "resourceGroup": self.group, "tags": tags,
               "properties": self.properties})
    }
}

/// The model in the state file.
pub(crate) fn load() -> Azure {
    let path = variable("AZURE_STUB_STATE");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path} is not a valid model: {error}"))
}

/// Writes the model back atomically.
pub(crate) fn save(azure: &Azure) {
    let path = variable("AZURE_STUB_STATE");
    let text = serde_json::to_string_pretty(azure).expect("the model is JSON");
    let partial = format!("{path}.partial");
    std::fs::write(&partial, text).unwrap_or_else(|error| panic!("cannot write {partial}: {error}"));
    std::fs::rename(&partial, &path).unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
}
