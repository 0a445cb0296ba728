//! Where enrollments' stamps and registrations outlast a restart: a database of one file in the state folder.
//!
//! A registration is on the disk before its device is told of it, so that a crash loses nothing that was acknowledged.
//! One thread writes, and commits together what has gathered meanwhile: each commit waits for the disk.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use redb::TableDefinition;
use redb::{Database, ReadableDatabase as _, ReadableTable as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::enrollments::stamps::Stamps;
use crate::registration::record::Registration;
use crate::registration_id::fold;

/// The file's name in the state folder.
const FILE: &str = "dps.redb";
/// The name of the file that is locked while a store is open.
const LOCK: &str = "dps.lock";
/// Registrations that wait for the disk; further ones wait to be queued.
const QUEUE: usize = 4_096;
/// Registrations that are committed at once.
const BATCH: usize = 1_024;

/// JSON by a name.
type Table = TableDefinition<'static, &'static str, &'static [u8]>;
/// By [folded](fold) registration id.
const REGISTRATIONS: Table = Table::new("registrations");
/// Stamps, by kind and id of the enrollment.
const ENROLLMENTS: Table = Table::new("enrollments");

/// What the service has to remember.
#[derive(Debug)]
pub struct Store {
    database: Arc<Database>,
    queue: Option<mpsc::Sender<Put>>,
    writer: Option<JoinHandle<()>>,
    /// Locked for as long as it is open.
    _lock: File,
}

/// Why something could not be read or kept.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// The folder cannot be made.
    #[error("{}: {_1}", _0.display())]
    Folder(PathBuf, Arc<io::Error>),
    /// Another emulator has this folder open.
    #[error("{}: another emulator uses this folder; give each its own", _0.display())]
    InUse(PathBuf),
    /// The file cannot be opened: which, and what the database says.
    #[error("{}: {_1}. Delete the file to have a new one made; all devices then register as for the first time", _0.display())]
    Unusable(PathBuf, String),
    /// A record was not read or not kept: what the database says.
    #[error("the registrations cannot be read or kept: {0}")]
    Failed(String),
}

/// A record to be kept, and where to say whether it was.
struct Put {
    registration: Registration,
    kept: oneshot::Sender<Result<(), StoreError>>,
}

impl Store {
    /// Opens the store in `folder`, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// The folder or file cannot be read or written, another emulator has it open, or the file is damaged.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let in_folder = |error: io::Error| StoreError::Folder(folder.to_owned(), Arc::new(error));
        fs::create_dir_all(folder).map_err(in_folder)?;
        let lock = File::create(folder.join(LOCK)).map_err(in_folder)?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(folder.to_owned())),
            Err(TryLockError::Error(error)) if error.kind() != ErrorKind::Unsupported => {
                return Err(in_folder(error));
            }
            // Some network folders do not support locks.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let path = folder.join(FILE);
        let unusable = |problem: String| StoreError::Unusable(path.clone(), problem);
        let database = open_or_create(&path).map_err(|error| unusable(error.to_string()))?;

        let database = Arc::new(database);
        let (queue, puts) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new().name("dps-store".to_owned());
        let keeps = Arc::clone(&database);
        let writer = thread.spawn(move || keep(&keeps, puts)).map_err(|error| unusable(error.to_string()))?;
        Ok(Self { database, queue: Some(queue), writer: Some(writer), _lock: lock })
    }

    /// The record of the device with `registration_id`, whatever the case of its letters.
    pub(crate) fn registration(&self, registration_id: &str) -> Result<Option<Registration>, StoreError> {
        self.get(REGISTRATIONS, &fold(registration_id))
    }

    /// The ids of the first `count` devices, in lower case.
    pub(crate) fn ids(&self, count: usize) -> Result<Vec<String>, StoreError> {
        let read = || {
            let table = self.database.begin_read()?.open_table(REGISTRATIONS)?;
            let ids = table.iter()?.take(count).map(|record| Ok(record?.0.value().to_owned()));
            ids.collect::<Result<_, redb::Error>>()
        };
        read().map_err(failed)
    }

    /// The stamps of the enrollment with this `name`.
    pub(crate) fn stamps(&self, name: &str) -> Result<Option<Stamps>, StoreError> {
        self.get(ENROLLMENTS, name)
    }

    /// Keeps the stamps of all enrollments, by name, in place of those before.
    pub(crate) fn put_stamps(&self, all: &BTreeMap<String, Stamps>) -> Result<(), StoreError> {
        let write = || {
            let transaction = self.database.begin_write()?;
            transaction.delete_table(ENROLLMENTS)?;
            let mut table = transaction.open_table(ENROLLMENTS)?;
            for (name, stamps) in all {
                table.insert(&**name, &*json(stamps)?)?;
            }
            drop(table);
            Ok(transaction.commit()?)
        };
        write().map_err(failed)
    }

    /// Keeps `registration` in place of the device's earlier record. When this returns, it is on the disk; after an
    /// error the earlier record stays.
    pub(crate) async fn put(&self, registration: Registration) -> Result<(), StoreError> {
        let closed = || StoreError::Failed("the store is closed".to_owned());
        let (kept, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(closed)?;
        queue.send(Put { registration, kept }).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    fn get<T: DeserializeOwned>(&self, table: Table, name: &str) -> Result<Option<T>, StoreError> {
        let read = || {
            let table = self.database.begin_read()?.open_table(table)?;
            let value = table.get(name)?.map(|value| serde_json::from_slice(value.value()));
            value.transpose().map_err(|error| redb::Error::Corrupted(error.to_string()))
        };
        read().map_err(failed)
    }
}

impl Drop for Store {
    /// Waits until what was queued is kept and the file is closed, so that it can be opened again.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Opens the database at `path`, which is made whole or not at all if it is not there.
fn open_or_create(path: &Path) -> Result<Database, redb::Error> {
    if !path.exists() {
        let draft = path.with_extension("redb.new");
        if draft.exists() {
            fs::remove_file(&draft)?;
        }
        let database = Database::create(&draft)?;
        // So that readers find the tables.
        write(&database, &[])?;
        drop(database);
        fs::rename(&draft, path)?;
    }
    // redb panics on a file that is cut short.
    let opened = panic::catch_unwind(|| Database::open(path));
    Ok(opened.map_err(|_| redb::Error::Corrupted("the file is damaged".to_owned()))??)
}

/// Keeps what comes, until the store is dropped.
fn keep(database: &Database, mut puts: mpsc::Receiver<Put>) {
    let mut batch = Vec::new();
    while puts.blocking_recv_many(&mut batch, BATCH) > 0 {
        let outcome = write(database, &batch).map_err(failed);
        for put in batch.drain(..) {
            // A device that no longer waits still has its record.
            let _ = put.kept.send(outcome.clone());
        }
    }
}

/// Puts `batch` on the disk, all of it or nothing.
fn write(database: &Database, batch: &[Put]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(ENROLLMENTS)?;
    let mut table = transaction.open_table(REGISTRATIONS)?;
    for Put { registration, .. } in batch {
        table.insert(&*fold(&registration.state.registration_id), &*json(registration)?)?;
    }
    drop(table);
    Ok(transaction.commit()?)
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, redb::Error> {
    serde_json::to_vec(value).map_err(|error| redb::Error::Io(error.into()))
}

fn failed(error: redb::Error) -> StoreError {
    StoreError::Failed(match error {
        redb::Error::PreviousIo => "the disk failed before; restart the emulator".to_owned(),
        other => other.to_string(),
    })
}
