//! One reader, several who ask, one writer: rows go through in pieces, and come out in their order.
//!
//! Called by `super`'s callers as `run`. How many pieces are under way at one time is bounded by permits, so that memory is,
//! whatever the file's size and whoever is slow. Each thread that asks has a runtime of its own, as a server's workers do: a
//! graph's short runs are its own.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use mlhost_tables::chunk::{Chunk, Position};
use mlhost_tables::read::{ReadOptions, Reader};
use mlhost_wire::fault::{Fault, FaultKind};

use super::isolate::{Asking, Part};
use super::sink::{Sink, Taken};
use super::{BatchError, Done, Plan, Watcher};
use crate::app::App;

/// Pieces under way for each thread that asks: one it works on, and some that wait for one before them to be written.
const AHEAD: usize = 4;

/// What the reader gives: pieces with their numbers, and why it ended.
type Read = (u64, Result<Piece, BatchError>);

/// Some rows, or the news that a file is at its end.
struct Piece {
    chunk: Chunk,
    /// Bytes of all files before its end, where that is known.
    bytes: u64,
}

/// What the reader puts pieces on.
struct Belt {
    /// One for each piece that may be under way.
    permitted: Receiver<()>,
    pieces: SyncSender<Read>,
}

struct Outcome {
    number: u64,
    parts: Result<Vec<Part>, BatchError>,
    taken: Taken,
    bytes: u64,
}

/// Predicts on all rows of all files.
///
/// # Errors
///
/// What ended the work. What was done before it is kept, where the output is a file: a run with [`Plan::resume`] goes on with it.
pub fn run(app: &App, mut plan: Plan, watcher: &dyn Watcher) -> Result<Done, BatchError> {
    let mut sink = Sink::open(&mut plan)?;
    let start = sink.start();
    let workers = plan.workers.max(1);
    let files: Vec<String> = plan.inputs.iter().map(|input| input.name.clone()).collect();
    let asking = Asking {
        app,
        files: &files,
        columns: &plan.columns,
        params: &plan.params,
        format: plan.format,
        time: plan.time,
        on_error: plan.on_error,
    };
    let (permits, permitted) = sync_channel(workers * AHEAD);
    for () in std::iter::repeat_n((), workers * AHEAD) {
        // There is room for all of them.
        let _ = permits.send(());
    }
    let (pieces, read) = sync_channel::<Read>(workers);
    // Theirs alone: once none of them is left, the reader finds nobody to read for.
    let read = Arc::new(Mutex::new(read));
    let (outcomes, written) = sync_channel::<Outcome>(workers * AHEAD);
    let outcome = thread::scope(|scope| {
        // All of them end when what they are to send to is gone.
        let (plan, asking) = (&plan, &asking);
        scope.spawn(move || reading(plan, app, start, &Belt { permitted, pieces }));
        for _ in 0..workers {
            let (read, outcomes) = (Arc::clone(&read), outcomes.clone());
            scope.spawn(move || ask(asking, &read, &outcomes));
        }
        drop((read, outcomes));
        let outcome = write(&mut sink, &written, &permits, watcher);
        drop((written, permits));
        outcome
    });
    match outcome {
        Ok(()) => sink.finish(),
        Err(error) => {
            // What was done is kept as far as it can be; the error that ended it is what is told.
            if let Err(lost) = sink.mark() {
                tracing::debug!(error = %lost, "how far the run got is not kept");
            }
            Err(error)
        }
    }
}

/// Cuts all files into pieces, from `start` on.
fn reading(plan: &Plan, app: &App, start: (usize, Position), belt: &Belt) {
    let mut number = 0;
    let mut bytes: u64 = plan.inputs.iter().take(start.0).filter_map(|input| input.length).sum();
    for (file, input) in plan.inputs.iter().enumerate().skip(start.0) {
        let options = ReadOptions {
            format: input.format,
            packing: input.packing,
            rows: plan.rows,
            bytes: super::BYTES,
            columns: wanted(plan, app),
        };
        let position = if file == start.0 { start.1 } else { Position::default() };
        let opened = (input.open)().map_err(|source| unreadable(&input.name, source));
        let reader = opened.and_then(|origin| Ok(Reader::open(origin, file, &options, position)?));
        let mut reader = match reader.and_then(|reader| checked(plan, reader, &input.name)) {
            Ok(reader) => reader,
            Err(error) => {
                let _ = belt.pieces.send((number, Err(error)));
                return;
            }
        };
        loop {
            let piece = match reader.next_chunk() {
                Ok(None) => break,
                Ok(Some(chunk)) => {
                    let read = input.progress(&chunk, reader.rows());
                    Ok(Piece { chunk, bytes: bytes + read })
                }
                Err(error) => Err(error.into()),
            };
            let ended = piece.is_err();
            // Only for what is passed on: the end of a file needs no permit, and would give none back.
            if belt.permitted.recv().is_err() {
                return;
            }
            if belt.pieces.send((number, piece)).is_err() || ended {
                return;
            }
            number += 1;
        }
        bytes += input.length.unwrap_or_default();
    }
}

fn unreadable(name: &str, source: std::io::Error) -> BatchError {
    mlhost_tables::error::TableError::Read { name: name.to_owned(), source }.into()
}

/// A file whose columns are known and lack one that is to be kept is refused before any of its rows is predicted on.
fn checked(plan: &Plan, reader: Reader, name: &str) -> Result<Reader, BatchError> {
    if let Some(columns) = reader.columns()
        && let Some(column) = plan.columns.iter().find(|column| !columns.contains(column))
    {
        let (name, column, found) = (name.to_owned(), column.clone(), columns.join(", "));
        return Err(mlhost_tables::error::TableError::NoColumn { name, column, found }.into());
    }
    Ok(reader)
}

/// The columns that anything is done with, where the model names those that it takes.
fn wanted(plan: &Plan, app: &App) -> Option<Vec<String>> {
    let names = mlhost_wire::dialect::mlflow::typed::named(&app.interface.signature)?;
    Some(names.into_iter().chain(plan.columns.iter().cloned()).collect())
}

/// Asks for piece after piece.
fn ask(asking: &Asking<'_>, read: &Mutex<Receiver<Read>>, outcomes: &SyncSender<Outcome>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    loop {
        let next = read.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, piece)) = next else { return };
        let nowhere = Taken { rows: 0, file: 0, end: Position::default() };
        let outcome = match (piece, &runtime) {
            (Err(error), _) => Outcome { number, parts: Err(error), taken: nowhere, bytes: 0 },
            (_, Err(error)) => {
                let fault = Fault::new(FaultKind::Internal, format!("cannot start a runtime: {error}"));
                Outcome { number, parts: Err(BatchError::Fault(fault)), taken: nowhere, bytes: 0 }
            }
            (Ok(Piece { chunk, bytes }), Ok(runtime)) => {
                let taken = Taken { rows: chunk.rows, file: chunk.file, end: chunk.end };
                // Whoever waits for this piece must hear of it, whatever becomes of it.
                let parts = catch_unwind(AssertUnwindSafe(|| runtime.block_on(asking.ask(&chunk))));
                let parts = parts.unwrap_or(Err(BatchError::Ended("one that asks the model")));
                Outcome { number, parts, taken, bytes }
            }
        };
        if outcomes.send(outcome).is_err() {
            return;
        }
    }
}

/// Writes outcomes in the order of their numbers.
fn write(
    sink: &mut Sink,
    outcomes: &Receiver<Outcome>,
    permits: &SyncSender<()>,
    watcher: &dyn Watcher,
) -> Result<(), BatchError> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for outcome in outcomes {
        waiting.insert(outcome.number, outcome);
        while let Some(Outcome { parts, taken, bytes, .. }) = waiting.remove(&next) {
            sink.take(parts?, taken)?;
            next += 1;
            watcher.advances(&Done { bytes, ..sink.done() });
            // The reader may have come to its end.
            let _ = permits.try_send(());
        }
    }
    if waiting.is_empty() { Ok(()) } else { Err(BatchError::Ended("the reader")) }
}
