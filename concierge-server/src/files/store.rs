//! What is stored for whom, and how much of it there may be. Every byte that arrives is asked for here before it is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::path::FilePath;
use crate::hub::ClientId;

/// How much there may be. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file.
    pub file_bytes: Option<u64>,
    /// Bytes of a client's files together, those that are being written included.
    pub client_bytes: Option<u64>,
    /// Files of a client, those that are being written included.
    pub client_files: Option<usize>,
    /// Bytes of all files.
    pub total_bytes: Option<u64>,
    /// Requests of a client that bring files at the same time.
    pub client_uploads: Option<usize>,
    /// Requests of all clients that bring files at the same time.
    pub uploads: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: Some(64 << 20),
            client_bytes: Some(256 << 20),
            client_files: Some(1000),
            total_bytes: Some(4 << 30),
            client_uploads: Some(16),
            uploads: Some(64),
        }
    }
}

/// A file's name on the disk: a number that is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64);

/// A file that is there in whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name on the disk.
    pub id: FileId,
    /// Its size, in bytes.
    pub size: u64,
    /// The SHA-256 of what is in it.
    pub sha256: [u8; 32],
    /// When it was there in whole, in seconds since 1970.
    pub modified: u64,
}

/// The right to bring a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    client: ClientId,
    id: FileId,
    path: FilePath,
    bytes: u64,
}

/// A file that took its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The file that was there before.
    pub replaced: Option<Retired>,
}

/// A file that nobody can ask for any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retired {
    /// What is to be removed from the disk. None when somebody reads it: it stays, and counts, until that is over.
    pub discard: Option<FileId>,
}

/// The right to read a file, to be [given back](Store::release). As long as there is one the file is on the disk.
#[derive(Debug, PartialEq, Eq)]
pub struct Lease(FileId);

/// A file that is read.
#[derive(Debug, Default)]
struct Leased {
    readers: usize,
    /// Whose it was, and how large, when nobody can ask for it any more.
    retired: Option<(ClientId, u64)>,
}

/// Why a file cannot be brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The client is gone, and its folder with it. 404.
    #[error("the client whose folder it was is gone")]
    Gone,
    /// There is a folder where the file should be, or a file where a folder should be. 409.
    #[error("a folder is where the file should be, or a file where a folder should be")]
    Folder,
    /// The file is too large. 413.
    #[error("the file is larger than a file may be here")]
    FileTooLarge,
    /// As many uploads are under way as may be. 429.
    #[error("too many uploads are under way")]
    TooManyUploads,
    /// The client's files would be too many or too large. 507.
    #[error("the folder is full")]
    FolderFull,
    /// All files together would be too large. 507.
    #[error("the file store is full")]
    StoreFull,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Bytes, those of uploads under way included, and those of files that are gone but still read.
    pub bytes: u64,
    /// Files that are there in whole.
    pub files: usize,
    /// Requests under way that bring files.
    pub uploads: usize,
}

/// What is stored for whom.
#[derive(Debug, Default)]
pub struct Store {
    limits: Limits,
    folders: BTreeMap<ClientId, Folder>,
    leased: BTreeMap<FileId, Leased>,
    totals: Totals,
    next: u64,
}

#[derive(Debug, Default)]
struct Folder {
    files: BTreeMap<FilePath, StoredFile>,
    /// With what is under way, and what is gone but still read.
    bytes: u64,
    /// Files under way.
    coming: usize,
    /// Requests under way.
    uploads: usize,
}

impl Ticket {
    /// The name on the disk of the file that is brought.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// How much of it has been let in, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Store {
    /// An empty store with these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// A client is connected: it has a folder.
    pub fn join(&mut self, client: ClientId) {
        self.folders.entry(client).or_default();
    }

    /// A client is gone. Returns what is to be removed; uploads under way find out by themselves.
    pub fn leave(&mut self, client: ClientId) -> Vec<FileId> {
        let Some(folder) = self.folders.get_mut(&client) else { return Vec::new() };
        let files = std::mem::take(&mut folder.files);
        self.totals.files -= files.len();
        let discarded = files.into_values().filter_map(|file| self.retire(client, &file).discard).collect();
        let retired = self.leased.values().filter_map(|leased| leased.retired);
        let still_read: u64 = retired.filter(|(owner, _)| *owner == client).map(|(_, bytes)| bytes).sum();
        if let Some(folder) = self.folders.remove(&client) {
            self.totals.uploads -= folder.uploads;
            self.totals.bytes -= folder.bytes - still_read;
        }
        discarded
    }

    /// A request that brings files begins. It is to be [closed](Self::close).
    ///
    /// # Errors
    ///
    /// [`Refusal::Gone`] or [`Refusal::TooManyUploads`].
    pub fn open(&mut self, client: ClientId) -> Result<(), Refusal> {
        let folder = self.folders.get_mut(&client).ok_or(Refusal::Gone)?;
        if is_over(self.limits.client_uploads, folder.uploads + 1)
            || is_over(self.limits.uploads, self.totals.uploads + 1)
        {
            return Err(Refusal::TooManyUploads);
        }
        folder.uploads += 1;
        self.totals.uploads += 1;
        Ok(())
    }

    /// A request that brought files is over, however it went.
    pub fn close(&mut self, client: ClientId) {
        // Who has left has taken everything along.
        if let Some(folder) = self.folders.get_mut(&client) {
            folder.uploads -= 1;
            self.totals.uploads -= 1;
        }
    }

    /// A file begins to come. `announced` is how large it says it is: what cannot fit is refused before a byte of it is read.
    ///
    /// # Errors
    ///
    /// [`Refusal`] says what is in the way.
    pub fn begin(
        &mut self,
        client: ClientId,
        path: FilePath,
        announced: Option<u64>,
    ) -> Result<Ticket, Refusal> {
        let folder = self.folders.get_mut(&client).ok_or(Refusal::Gone)?;
        if !folder.has_room_at(&path) {
            return Err(Refusal::Folder);
        }
        let is_new = !folder.files.contains_key(&path);
        if is_new && is_over(self.limits.client_files, folder.files.len() + folder.coming + 1) {
            return Err(Refusal::FolderFull);
        }
        fits(&self.limits, 0, folder.bytes, self.totals.bytes, announced.unwrap_or(0))?;
        folder.coming += 1;
        let id = FileId(self.next);
        self.next += 1;
        Ok(Ticket { client, id, path, bytes: 0 })
    }

    /// So many bytes more have arrived and want to be kept.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when they do not fit. The upload is to be [aborted](Self::abort) then.
    pub fn grow(&mut self, ticket: &mut Ticket, bytes: u64) -> Result<(), Refusal> {
        let folder = self.folders.get_mut(&ticket.client).ok_or(Refusal::Gone)?;
        fits(&self.limits, ticket.bytes, folder.bytes, self.totals.bytes, bytes)?;
        ticket.bytes += bytes;
        folder.bytes += bytes;
        self.totals.bytes += bytes;
        Ok(())
    }

    /// The file is on the disk in whole and takes its place, at once for everybody. Several take their places together or not at
    /// all.
    ///
    /// # Errors
    ///
    /// [`Refusal::Gone`] or [`Refusal::Folder`], with the tickets, which are to be [aborted](Self::abort).
    pub fn commit(
        &mut self,
        uploads: Vec<(Ticket, [u8; 32])>,
        modified: u64,
    ) -> Result<Vec<Committed>, (Refusal, Vec<Ticket>)> {
        if let Some(refusal) = self.against(&uploads) {
            return Err((refusal, uploads.into_iter().map(|(ticket, _)| ticket).collect()));
        }
        Ok(uploads.into_iter().map(|(ticket, sha256)| self.put(ticket, sha256, modified)).collect())
    }

    /// What is against these files taking their places together.
    fn against(&self, uploads: &[(Ticket, [u8; 32])]) -> Option<Refusal> {
        let coming: BTreeSet<_> = uploads.iter().map(|(ticket, _)| ticket.path.as_str()).collect();
        for (ticket, _) in uploads {
            let Some(folder) = self.folders.get(&ticket.client) else { return Some(Refusal::Gone) };
            if !folder.has_room_at(&ticket.path) || ticket.path.folders().any(|path| coming.contains(path)) {
                return Some(Refusal::Folder);
            }
        }
        None
    }

    fn put(&mut self, ticket: Ticket, sha256: [u8; 32], modified: u64) -> Committed {
        let Some(folder) = self.folders.get_mut(&ticket.client) else { return Committed { replaced: None } };
        let file = StoredFile { id: ticket.id, size: ticket.bytes, sha256, modified };
        folder.coming -= 1;
        let replaced = folder.files.insert(ticket.path, file);
        self.totals.files += usize::from(replaced.is_none());
        Committed { replaced: replaced.map(|old| self.retire(ticket.client, &old)) }
    }

    /// A file does not come after all: its bytes are given back.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is good once")]
    pub fn abort(&mut self, ticket: Ticket) {
        let Ticket { client, bytes, .. } = ticket;
        // Who has left has taken everything along.
        if let Some(folder) = self.folders.get_mut(&client) {
            folder.coming -= 1;
            folder.bytes -= bytes;
            self.totals.bytes -= bytes;
        }
    }

    /// A file is deleted. None when there is no such file.
    pub fn remove(&mut self, client: ClientId, path: &FilePath) -> Option<Retired> {
        let file = self.folders.get_mut(&client)?.files.remove(path)?;
        self.totals.files -= 1;
        Some(self.retire(client, &file))
    }

    /// A file is to be read.
    pub fn lease(&mut self, client: ClientId, path: &FilePath) -> Option<(StoredFile, Lease)> {
        let file = self.find(client, path)?.clone();
        self.leased.entry(file.id).or_default().readers += 1;
        let lease = Lease(file.id);
        Some((file, lease))
    }

    /// A file is not read any more. Returns what is to be removed from the disk, when this was the last who read what is gone.
    #[expect(clippy::needless_pass_by_value, reason = "a lease is good once")]
    pub fn release(&mut self, lease: Lease) -> Option<FileId> {
        let Lease(id) = lease;
        let leased = self.leased.get_mut(&id)?;
        leased.readers -= 1;
        if leased.readers > 0 {
            return None;
        }
        let (client, bytes) = self.leased.remove(&id)?.retired?;
        self.give_back(client, bytes);
        Some(id)
    }

    /// Nobody can ask for a file any more.
    fn retire(&mut self, client: ClientId, file: &StoredFile) -> Retired {
        if let Some(leased) = self.leased.get_mut(&file.id) {
            leased.retired = Some((client, file.size));
            return Retired { discard: None };
        }
        self.give_back(client, file.size);
        Retired { discard: Some(file.id) }
    }

    fn give_back(&mut self, client: ClientId, bytes: u64) {
        self.totals.bytes -= bytes;
        if let Some(folder) = self.folders.get_mut(&client) {
            folder.bytes -= bytes;
        }
    }

    /// A file of a client.
    pub fn find(&self, client: ClientId, path: &FilePath) -> Option<&StoredFile> {
        self.folders.get(&client)?.files.get(path)
    }

    /// Whether there is a folder of this path: something is in it.
    pub fn has_folder(&self, client: ClientId, path: &FilePath) -> bool {
        self.folders.get(&client).is_some_and(|folder| folder.is_folder(path))
    }

    /// All files of a client, by path.
    pub fn list(&self, client: ClientId) -> impl Iterator<Item = (&FilePath, &StoredFile)> {
        self.folders.get(&client).into_iter().flat_map(|folder| &folder.files)
    }

    /// How much there is.
    pub fn totals(&self) -> Totals {
        self.totals
    }
}

impl Folder {
    /// Whether a file can be at this path: no folder is there, and no file is where its folders would be.
    fn has_room_at(&self, path: &FilePath) -> bool {
        !path.folders().any(|folder| self.files.contains_key(folder)) && !self.is_folder(path)
    }

    fn is_folder(&self, path: &FilePath) -> bool {
        let inside = path.as_str().to_owned() + "/";
        let mut from_there = self.files.range::<str, _>((Bound::Included(&*inside), Bound::Unbounded));
        from_there.next().is_some_and(|(file, _)| file.as_str().starts_with(&inside))
    }
}

fn fits(limits: &Limits, file: u64, folder: u64, total: u64, more: u64) -> Result<(), Refusal> {
    let over =
        |limit: Option<u64>, present: u64| limit.is_some_and(|most| present.saturating_add(more) > most);
    if over(limits.file_bytes, file) {
        Err(Refusal::FileTooLarge)
    } else if over(limits.client_bytes, folder) {
        Err(Refusal::FolderFull)
    } else if over(limits.total_bytes, total) {
        Err(Refusal::StoreFull)
    } else {
        Ok(())
    }
}

fn is_over(limit: Option<usize>, count: usize) -> bool {
    limit.is_some_and(|most| count > most)
}
