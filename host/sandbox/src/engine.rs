//! The wasmtime engine: one a process, made at start by host's `serve` and shared by every guest.
//!
//! All settings that decide what isolation costs stand here, each with its reason; never changed at run time.

use std::sync::Arc;

use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails,
};

use crate::error::SandboxError;
use crate::ticker::Ticker;

/// What the pool of sandboxes is made for.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// How many calls can be in a sandbox at one time. Callers hold a permit below this number; the pool's own
    /// refusal is the last line.
    pub instances: u32,
    /// The largest memory that any guest's limits may name, in bytes.
    pub max_memory_bytes: usize,
}

/// The engine and the clock that interrupts its guests. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) wasmtime: wasmtime::Engine,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) max_memory_bytes: usize,
}

// === impl EngineOptions ===

impl Default for EngineOptions {
    fn default() -> Self {
        Self { instances: 256, max_memory_bytes: 512 << 20 }
    }
}

// === impl Engine ===

impl Engine {
    /// Reserves the pool's address space and starts the clock.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Engine`] where the machine cannot give the address space or the thread.
    pub fn new(options: &EngineOptions) -> Result<Self, SandboxError> {
        let wasmtime = wasmtime::Engine::new(&config(options))
            .map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let ticking = wasmtime.clone();
        let ticker = Ticker::start(move || ticking.increment_epoch())
            .map_err(|error| SandboxError::Engine(error.to_string()))?;
        Ok(Self { wasmtime, ticker: Arc::new(ticker), max_memory_bytes: options.max_memory_bytes })
    }
}

fn config(options: &EngineOptions) -> Config {
    let mut config = Config::new();
    config
        // Guests are interrupted at function entries and loop heads: cheaper than fuel, good to a tick.
        .epoch_interruption(true)
        // The state for component-model async doubles the cost of an instance, and the contract needs none of it.
        .concurrency_support(false)
        .memory_init_cow(true)
        .cranelift_opt_level(OptLevel::Speed)
        // Function, file and line of a trap, for the log.
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        // Deep recursion must end in the guest's stack, well inside the fibre's.
        .max_wasm_stack(512 << 10)
        .async_stack_size(1 << 20)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options)));
    config
}

fn pool(options: &EngineOptions) -> PoolingAllocationConfig {
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
        // Pages that a call has touched are zeroed in place up to this size instead of being given back and
        // faulted in again.
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(32 << 10)
        // Finding dirty pages by PAGEMAP_SCAN misses those that were swapped out: they would reach the next
        // tenant. Off until start-up can rule out swap for this process.
        .pagemap_scan(Enabled::No);
    pool
}
