//! The store written down naively, to hold the real one against: a flat list, and everything counted anew each time.

use super::{FilePath, Limits, Refusal, Totals};
use crate::hub::ClientId;

/// A file, an upload on its way to be one, or a file that is gone and still read.
#[derive(Debug, Clone)]
struct Piece {
    client: ClientId,
    path: FilePath,
    bytes: u64,
    ticket: u64,
    state: State,
    readers: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Coming,
    There,
    Gone,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    limits: Limits,
    clients: Vec<ClientId>,
    pieces: Vec<Piece>,
    uploads: Vec<ClientId>,
}

impl Model {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(super) fn join(&mut self, client: ClientId) {
        if !self.clients.contains(&client) {
            self.clients.push(client);
        }
    }

    pub(super) fn leave(&mut self, client: ClientId) -> usize {
        let discarded =
            self.retire(|piece| piece.client == client).into_iter().filter(|discarded| *discarded);
        let discarded = discarded.count();
        self.pieces.retain(|piece| piece.client != client || piece.state == State::Gone);
        self.clients.retain(|other| *other != client);
        self.uploads.retain(|other| *other != client);
        discarded
    }

    pub(super) fn open(&mut self, client: ClientId) -> Result<(), Refusal> {
        let mine = self.uploads.iter().filter(|other| **other == client).count();
        if !self.clients.contains(&client) {
            Err(Refusal::Gone)
        } else if self.limits.client_uploads.is_some_and(|most| mine >= most)
            || self.limits.uploads.is_some_and(|most| self.uploads.len() >= most)
        {
            Err(Refusal::TooManyUploads)
        } else {
            self.uploads.push(client);
            Ok(())
        }
    }

    pub(super) fn close(&mut self, client: ClientId) {
        if let Some(at) = self.uploads.iter().position(|other| *other == client) {
            self.uploads.remove(at);
        }
    }

    pub(super) fn begin(
        &mut self,
        client: ClientId,
        path: &FilePath,
        announced: Option<u64>,
        ticket: u64,
    ) -> Result<(), Refusal> {
        if !self.clients.contains(&client) {
            return Err(Refusal::Gone);
        }
        if self.collides(client, path) {
            return Err(Refusal::Folder);
        }
        let pieces =
            self.pieces.iter().filter(|piece| piece.client == client && piece.state != State::Gone).count();
        if self.size(client, path).is_none() && self.limits.client_files.is_some_and(|most| pieces >= most) {
            return Err(Refusal::FolderFull);
        }
        self.fits(client, 0, announced.unwrap_or(0))?;
        self.pieces.push(Piece {
            client,
            path: path.clone(),
            bytes: 0,
            ticket,
            state: State::Coming,
            readers: 0,
        });
        Ok(())
    }

    pub(super) fn grow(&mut self, ticket: u64, bytes: u64) -> Result<(), Refusal> {
        let Some(at) = self.pieces.iter().position(|piece| piece.ticket == ticket) else {
            return Err(Refusal::Gone);
        };
        self.fits(self.pieces[at].client, self.pieces[at].bytes, bytes)?;
        self.pieces[at].bytes += bytes;
        Ok(())
    }

    /// Whether there was another file before, and if so whether it is to be removed from the disk.
    pub(super) fn commit(&mut self, ticket: u64) -> Result<Option<bool>, Refusal> {
        let Some(at) = self.pieces.iter().position(|piece| piece.ticket == ticket) else {
            return Err(Refusal::Gone);
        };
        let new = self.pieces[at].clone();
        if self.collides(new.client, &new.path) {
            return Err(Refusal::Folder);
        }
        let replaced = self.remove(new.client, &new.path);
        self.pieces
            .iter_mut()
            .filter(|piece| piece.ticket == ticket)
            .for_each(|piece| piece.state = State::There);
        Ok(replaced)
    }

    pub(super) fn abort(&mut self, ticket: u64) {
        self.pieces.retain(|piece| piece.ticket != ticket);
    }

    /// Whether there was such a file, and if so whether it is to be removed from the disk.
    pub(super) fn remove(&mut self, client: ClientId, path: &FilePath) -> Option<bool> {
        self.retire(|piece| piece.client == client && piece.path == *path).pop()
    }

    /// Begins to read a file. Returns which one it is.
    pub(super) fn lease(&mut self, client: ClientId, path: &FilePath) -> Option<u64> {
        let is_it =
            |piece: &&mut Piece| piece.state == State::There && piece.client == client && piece.path == *path;
        let piece = self.pieces.iter_mut().find(is_it)?;
        piece.readers += 1;
        Some(piece.ticket)
    }

    /// Ends to read a file. Returns whether it is to be removed from the disk.
    pub(super) fn release(&mut self, ticket: u64) -> bool {
        let before = self.pieces.len();
        self.pieces.iter_mut().filter(|piece| piece.ticket == ticket).for_each(|piece| piece.readers -= 1);
        self.pieces.retain(|piece| piece.state != State::Gone || piece.readers > 0);
        self.pieces.len() < before
    }

    pub(super) fn size(&self, client: ClientId, path: &FilePath) -> Option<u64> {
        let is_it =
            |piece: &&Piece| piece.state == State::There && piece.client == client && piece.path == *path;
        self.pieces.iter().find(is_it).map(|piece| piece.bytes)
    }

    /// Nobody can ask for these files any more. Returns of each whether it is to be removed from the disk.
    fn retire(&mut self, is_it: impl Fn(&Piece) -> bool) -> Vec<bool> {
        let there = self.pieces.iter_mut().filter(|piece| piece.state == State::There && is_it(piece));
        let retired = there.map(|piece| {
            piece.state = State::Gone;
            piece.readers == 0
        });
        let retired = retired.collect();
        self.pieces.retain(|piece| piece.state != State::Gone || piece.readers > 0);
        retired
    }

    pub(super) fn totals(&self) -> Totals {
        let files = self.pieces.iter().filter(|piece| piece.state == State::There).count();
        let bytes = self.pieces.iter().map(|piece| piece.bytes).sum();
        Totals { bytes, files, uploads: self.uploads.len() }
    }

    fn collides(&self, client: ClientId, path: &FilePath) -> bool {
        let mut there =
            self.pieces.iter().filter(|piece| piece.state == State::There && piece.client == client);
        there.any(|piece| {
            let (one, other) = (piece.path.as_str(), path.as_str());
            one.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'))
                || other.strip_prefix(one).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    fn fits(&self, client: ClientId, file: u64, more: u64) -> Result<(), Refusal> {
        let mine: u64 =
            self.pieces.iter().filter(|piece| piece.client == client).map(|piece| piece.bytes).sum();
        let all = self.totals().bytes;
        let over = |limit: Option<u64>, present: u64| limit.is_some_and(|most| present + more > most);
        if over(self.limits.file_bytes, file) {
            Err(Refusal::FileTooLarge)
        } else if over(self.limits.client_bytes, mine) {
            Err(Refusal::FolderFull)
        } else if over(self.limits.total_bytes, all) {
            Err(Refusal::StoreFull)
        } else {
            Ok(())
        }
    }
}
