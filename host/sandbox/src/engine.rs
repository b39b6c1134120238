//! The wasmtime engine: one a process, made at start by host's `serve` and shared by every guest.
//!
//! All settings that decide what isolation costs stand here, each with its reason; never changed at run time.

use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails,
};

use crate::code::CodeStore;
use crate::error::SandboxError;
use crate::swap::{self, Swap};
use crate::ticker::Ticker;

/// How much of a memory stays with its slot where dirty pages are found by a scan. A page that was dirty once is reset
/// after every call in that slot, so this bounds what one large call costs all the small ones after it.
const SCANNED_RESIDENT: usize = 1 << 20;

/// The same where everything up to here is reset for every call, dirty or not: little more than a guest's stack and
/// static data, the rest is cheaper given back.
const RESET_RESIDENT: usize = 256 << 10;

/// How much of a table stays with its slot: a page, 512 functions. wasmtime writes zeros over a table of that size; from
/// there on it scans, which costs a small table more than all the rest of its life.
const TABLE_RESIDENT: usize = 4 << 10;

/// What the pool of sandboxes is made for.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// How many calls can be in a sandbox at one time. Callers hold a permit below this number; the pool's own
    /// refusal is the last line.
    pub instances: u32,
    /// The largest memory that any guest's limits may name, in bytes.
    pub max_memory_bytes: usize,
    /// Whether dirty pages may be found by a scan, where that is safe and the kernel has it.
    pub scan: bool,
    /// The folder of compiled code, made where it is not there; `None` keeps none.
    pub code_cache: Option<PathBuf>,
}

/// How a sandbox's memory is made clean for the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleaning {
    /// The kernel says which pages are dirty (PAGEMAP_SCAN, Linux 6.7), and only those are reset. Safe only while no
    /// page can be swapped out.
    Scan,
    /// The first pages are reset whether they are dirty or not, the others are given back.
    Reset(&'static str),
}

/// The engine and the clock that interrupts its guests. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) wasmtime: wasmtime::Engine,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) max_memory_bytes: usize,
    /// `None` where code is not kept, by choice or because the folder cannot be used.
    pub(crate) code: Option<Arc<CodeStore>>,
    cleaning: Cleaning,
}

// === impl EngineOptions ===

impl Default for EngineOptions {
    fn default() -> Self {
        Self { instances: 256, max_memory_bytes: 512 << 20, scan: true, code_cache: None }
    }
}

// === impl Engine ===

impl Engine {
    /// Reserves the pool's address space, starts the clock, and opens the code cache. Without a cache that can be used
    /// it goes on, and the log says why.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Engine`] where the machine cannot give the address space or the thread.
    pub fn new(options: &EngineOptions) -> Result<Self, SandboxError> {
        let cleaning = Cleaning::choose(options.scan);
        let wasmtime = wasmtime::Engine::new(&config(options, cleaning))
            .map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let code = options.code_cache.as_deref().and_then(|folder| {
            CodeStore::open(folder, &wasmtime)
                .inspect_err(|error| tracing::warn!("{error}; code is compiled at every start"))
                .ok()
        });
        let ticking = wasmtime.clone();
        let ticker = Ticker::start(move || ticking.increment_epoch())
            .map_err(|error| SandboxError::Engine(error.to_string()))?;
        Ok(Self {
            wasmtime,
            ticker: Arc::new(ticker),
            max_memory_bytes: options.max_memory_bytes,
            code: code.map(Arc::new),
            cleaning,
        })
    }

    /// The most memory that a guest can have, whatever its limits say; in bytes.
    #[must_use]
    pub fn max_memory_bytes(&self) -> usize {
        self.max_memory_bytes
    }

    /// How sandboxes are made clean, chosen at start.
    #[must_use]
    pub fn cleaning(&self) -> Cleaning {
        self.cleaning
    }

    /// Whether that is still safe. False where swap was turned on since start and pages are scanned: then no further
    /// call may be taken.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.cleaning != Cleaning::Scan || matches!(swap::of_this_process(), Swap::RuledOut(_))
    }
}

// === impl Cleaning ===

impl Cleaning {
    fn choose(scan: bool) -> Self {
        if !scan {
            return Self::Reset("a scan was ruled out at start");
        }
        if !PoolingAllocationConfig::is_pagemap_scan_available() {
            return Self::Reset("the kernel has no PAGEMAP_SCAN");
        }
        match swap::of_this_process() {
            Swap::RuledOut(_) => Self::Scan,
            Swap::Possible(reason) => Self::Reset(reason),
        }
    }
}

fn config(options: &EngineOptions, cleaning: Cleaning) -> Config {
    let mut config = code_settings();
    config
        // Deep recursion must end in the guest's stack, well inside the fibre's.
        .max_wasm_stack(512 << 10)
        .async_stack_size(1 << 20)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options, cleaning)));
    config
}

/// What code is compiled by: the same for this machine and for others, or it could not be run here.
pub(crate) fn code_settings() -> Config {
    let mut config = Config::new();
    config
        // Guests are interrupted at function entries and loop heads: cheaper than fuel, good to a tick.
        .epoch_interruption(true)
        // The state for component-model async doubles the cost of an instance, and the contract needs none of it.
        .concurrency_support(false)
        .memory_init_cow(true)
        .cranelift_opt_level(OptLevel::Speed)
        // Function, file and line of a trap, for the log.
        .wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config
}

fn pool(options: &EngineOptions, cleaning: Cleaning) -> PoolingAllocationConfig {
    let (scan, resident) = match cleaning {
        Cleaning::Scan => (Enabled::Yes, SCANNED_RESIDENT),
        Cleaning::Reset(_) => (Enabled::No, RESET_RESIDENT),
    };
    let mut pool = PoolingAllocationConfig::new();
    let instances = options.instances;
    pool.total_component_instances(instances)
        // A component made from WASI code is several core modules: the program, its adapter, shims.
        .total_core_instances(instances.saturating_mul(4))
        .total_memories(instances.saturating_mul(2))
        .total_tables(instances.saturating_mul(4))
        .total_stacks(instances)
        .max_memory_size(options.max_memory_bytes)
        .max_memories_per_component(4)
        .max_tables_per_component(8)
        .max_core_instances_per_component(16)
        .max_core_instance_size(1 << 20)
        .max_component_instance_size(1 << 20)
        .table_elements(1 << 16)
        .linear_memory_keep_resident(resident)
        .table_keep_resident(TABLE_RESIDENT)
        .async_stack_keep_resident(32 << 10)
        .pagemap_scan(scan);
    pool
}
