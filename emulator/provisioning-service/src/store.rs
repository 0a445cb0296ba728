//! Where assignments survive a restart: one file in the state folder, a JSON record on each line.
//!
//! A record is appended and synced to the disk before its device is told of it, so that a crash loses
//! nothing that was acknowledged. One thread writes, and syncs once for all that has gathered meanwhile.
//! The last line of a device counts; when most lines are outdated, the file is rewritten.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::registration::record::Registration;
use crate::registration_id::fold;
use journal::Journal;

/// The file's name in the state folder.
const FILE: &str = "registrations.jsonl";
/// The name of the new file while it is rewritten.
const NEW_FILE: &str = "registrations.jsonl.new";
/// The name of the file that is locked while a store is open.
const LOCK: &str = "registrations.lock";
/// How long a store that is being closed may still hold its lock.
const CLOSING: Duration = Duration::from_secs(1);
/// The most records that wait for the disk; further ones wait to be queued.
const QUEUE: usize = 4_096;
/// The most records that are synced at once.
const BATCH: usize = 1_024;
/// Outdated lines that are not worth a new file.
const SLACK: usize = 1_000;

/// The assignments of all devices, in memory and on disk.
#[derive(Debug)]
pub struct Store {
    records: Arc<RwLock<Records>>,
    queue: mpsc::Sender<Put>,
}

/// Why assignments could not be read or kept.
#[derive(Debug)]
pub enum StoreError {
    /// A file operation failed.
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// Another emulator has this folder open.
    InUse(PathBuf),
    /// The file contains what the store never wrote.
    Damaged {
        /// Which file.
        path: PathBuf,
        /// The first line that cannot be read, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A record was not kept; what the system said.
    NotKept(String),
}

/// By folded registration id.
type Records = HashMap<String, Arc<Registration>>;

/// What a file holds.
#[derive(Default)]
struct Lines {
    records: Records,
    count: usize,
    /// Bytes of whole lines.
    len: usize,
}

struct Put {
    registration: Registration,
    kept: oneshot::Sender<Result<(), StoreError>>,
}

/// The thread that writes, and the file it writes to.
struct Writer {
    folder: PathBuf,
    file: File,
    /// Locked as long as it is open.
    _lock: File,
    /// Bytes of the file that are whole records.
    len: u64,
    lines: usize,
    records: Arc<RwLock<Records>>,
    /// Why nothing can be kept any more.
    broken: Option<String>,
    journal: Journal,
}

// === impl Store ===

impl Store {
    /// Opens the store in `folder`, which is made if it is not there. A torn last line, the trace of a
    /// crash, is dropped and reported to `journal`: its device was told nothing.
    ///
    /// # Errors
    ///
    /// The folder or file cannot be read or written, another emulator has it open, or the file is damaged.
    pub fn open(folder: &Path, journal: &Journal) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let failed = |error| StoreError::Io { path: path.clone(), error };
        fs::create_dir_all(folder).map_err(|error| StoreError::Io { path: folder.to_owned(), error })?;
        let lock = lock(folder)?;
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).open(&path).map_err(failed)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(failed)?;
        let Lines { records, count, len } = read(&content, &path)?;
        if len < content.len() {
            let torn = content.len() - len;
            journal.warn(format!(
                "{}: the last line is torn, as after a crash; its {torn} bytes are dropped",
                path.display()
            ));
            file.set_len(len as u64).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        sync_folder(folder).map_err(failed)?;

        let records = Arc::new(RwLock::new(records));
        let (queue, puts) = mpsc::channel(QUEUE);
        let writer = Writer {
            folder: folder.to_owned(),
            file,
            _lock: lock,
            len: len as u64,
            lines: count,
            records: Arc::clone(&records),
            broken: None,
            journal: journal.clone(),
        };
        thread::Builder::new()
            .name("dps-store".to_owned())
            .spawn(move || writer.run(puts))
            .map_err(failed)?;
        Ok(Self { records, queue })
    }

    /// The record of the device with `registration_id`, whatever the case of its letters.
    pub(crate) fn get(&self, registration_id: &str) -> Option<Arc<Registration>> {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        records.get(&fold(registration_id)).map(Arc::clone)
    }

    /// How many devices have a record.
    pub(crate) fn len(&self) -> usize {
        self.records.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Keeps `registration` in place of the device's earlier record. When this returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// It is not: the disk is full, or broken. The earlier record stays.
    pub(crate) async fn put(&self, registration: Registration) -> Result<(), StoreError> {
        let gone = || StoreError::NotKept("the store is closed".to_owned());
        let (kept, answer) = oneshot::channel();
        self.queue.send(Put { registration, kept }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

// === impl Writer ===

impl Writer {
    /// Keeps what comes, until the store is dropped and all of it is kept.
    fn run(mut self, mut puts: mpsc::Receiver<Put>) {
        let mut batch = Vec::new();
        while let Some(first) = puts.blocking_recv() {
            batch.push(first);
            while batch.len() < BATCH
                && let Ok(next) = puts.try_recv()
            {
                batch.push(next);
            }
            let outcome = self.append(&batch);
            for Put { registration, kept } in batch.drain(..) {
                let answer = outcome.clone().map_err(StoreError::NotKept);
                if answer.is_ok() {
                    let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
                    records.insert(fold(&registration.registration_id), Arc::new(registration));
                }
                // A device that no longer waits still has its record.
                let _ = kept.send(answer);
            }
            self.compact();
        }
    }

    /// Puts `batch` on the disk, all of it or nothing.
    fn append(&mut self, batch: &[Put]) -> Result<(), String> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let mut text = Vec::new();
        for put in batch {
            write_line(&mut text, &put.registration).map_err(|error| error.to_string())?;
        }
        if let Err(error) = self.file.write_all(&text).and_then(|()| self.file.sync_data()) {
            // Half a record must not stand before the next one.
            if let Err(error) = self.file.set_len(self.len) {
                self.broken = Some(format!("an earlier record is half written: {error}"));
            }
            return Err(error.to_string());
        }
        self.len += text.len() as u64;
        self.lines += batch.len();
        Ok(())
    }

    /// Rewrites the file once most of its lines are outdated.
    fn compact(&mut self) {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        if self.lines <= 2 * records.len() + SLACK || self.broken.is_some() {
            return;
        }
        let (new, path) = (self.folder.join(NEW_FILE), self.folder.join(FILE));
        let lines = records.len();
        let written = rewrite(&new, &path, records.values().map(Arc::as_ref));
        drop(records);
        // After a failure the file in use is whole; not tried again before as many lines more.
        self.lines = lines;
        match written {
            Ok((file, len)) => (self.file, self.len) = (file, len),
            Err(error) => {
                self.journal.warn(format!("{}: cannot be rewritten: {error}", path.display()));
                return;
            }
        }
        if let Err(error) = sync_folder(&self.folder) {
            self.broken = Some(format!("a crash might bring an older file back: {error}"));
        }
    }
}

// === impl StoreError ===

impl std::error::Error for StoreError {}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::InUse(folder) => {
                write!(f, "{}: another emulator uses this folder; give each its own", folder.display())
            }
            Self::Damaged { path, line, problem } => write!(
                f,
                "{}: line {line} is not a registration: {problem}. Correct or delete the line; without the file \
                 all devices register as for the first time",
                path.display()
            ),
            Self::NotKept(problem) => write!(f, "the registration was not kept: {problem}"),
        }
    }
}

/// Takes `folder` for one store: a second one would overwrite what the first keeps.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(LOCK);
    let failed = |error| StoreError::Io { path: path.clone(), error };
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if began.elapsed() < CLOSING => thread::sleep(CLOSING / 50),
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(folder.to_owned())),
            // Some network folders do not support locks: there it is up to the user.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

/// Reads the lines of `content`, up to a torn last one.
fn read(content: &[u8], path: &Path) -> Result<Lines, StoreError> {
    let mut read = Lines::default();
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        if line.last() != Some(&b'\n') {
            break;
        }
        read.count += 1;
        read.len += line.len();
        let registration: Registration = serde_json::from_slice(line).map_err(|error| {
            StoreError::Damaged { path: path.to_owned(), line: read.count, problem: error.to_string() }
        })?;
        read.records.insert(fold(&registration.registration_id), Arc::new(registration));
    }
    Ok(read)
}

fn write_line(out: &mut impl io::Write, registration: &Registration) -> io::Result<()> {
    serde_json::to_writer(&mut *out, registration)?;
    out.write_all(b"\n")
}

/// Writes `records` to a file at `new`, puts it in the place of the one at `path`, and leaves it open.
fn rewrite<'a>(
    new: &Path,
    path: &Path,
    records: impl Iterator<Item = &'a Registration>,
) -> io::Result<(File, u64)> {
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new().append(true).create_new(true).open(new)?;
    let mut out = io::BufWriter::new(&file);
    for registration in records {
        write_line(&mut out, registration)?;
    }
    out.flush()?;
    drop(out);
    file.sync_all()?;
    let len = file.metadata()?.len();
    fs::rename(new, path)?;
    Ok((file, len))
}

/// Makes the names in `folder` survive a crash. Windows keeps them without being asked, and cannot be.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(windows) { Ok(()) } else { File::open(folder)?.sync_all() }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"registrationId":"dev-1","operationId":"4.0.0","enrollment":"enrollment group x",
        "createdDateTimeUtc":"","lastUpdatedDateTimeUtc":"","etag":"","assignedHub":"hub","deviceId":"dev-1",
        "substatus":"initialAssignment"}"#;

    #[tokio::test]
    async fn nothing_is_kept_after_half_a_record_that_cannot_be_taken_back() {
        let (journal, _) = Journal::kept();
        let records = Arc::new(RwLock::new(Records::new()));
        let (queue, puts) = mpsc::channel(1);
        let writer = Writer {
            folder: PathBuf::new(),
            // A disk that is full, and that cannot be cut short.
            file: OpenOptions::new().append(true).open("/dev/full").unwrap(),
            _lock: OpenOptions::new().write(true).open("/dev/null").unwrap(),
            len: 0,
            lines: 0,
            records: Arc::clone(&records),
            broken: None,
            journal,
        };
        let thread = thread::spawn(move || writer.run(puts));
        let store = Store { records, queue };
        let registration: Registration = serde_json::from_str(RECORD).unwrap();
        for expected in [
            "the registration was not kept: No space left on device (os error 28)",
            "the registration was not kept: an earlier record is half written: Invalid argument (os error 22)",
        ] {
            let error = store.put(registration.clone()).await.unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert!(store.get("dev-1").is_none());
        }
        drop(store);
        thread.join().unwrap();
    }
}
