//! The guest's allocator: that of Rust's standard library, over the memory that the instance begins with.
//!
//! The standard library's own asks the host for more memory at its first allocation, though `mlhost build` gives every
//! guest a heap to begin with. In a fresh instance for every call that is two changes of the page tables a call, which
//! every other core has to be told of; half of a small call's time went there. For the same reason memory is doubled
//! where it does not do. Used on WebAssembly only; the feature `allocator` leaves it out for guests that bring their own.

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32;
use std::cell::{Cell, UnsafeCell};
use std::ptr;

use dlmalloc::{Allocator, Dlmalloc};

const PAGE: usize = 64 << 10;

unsafe extern "C" {
    /// Where the linker's own data and the stack end; only its address means something.
    static __heap_base: u8;
}

/// The allocator of every guest.
#[global_allocator]
static HEAP: Heap =
    Heap { inner: UnsafeCell::new(Dlmalloc::new_with_allocator(Memory { next: Cell::new(0) })) };

struct Heap {
    inner: UnsafeCell<Dlmalloc<Memory>>,
}

/// Hands out the memory from `__heap_base` on, first what is there, then what the host grants.
struct Memory {
    /// The first byte that was not handed out; 0 before the first time.
    next: Cell<usize>,
}

// === impl Memory ===

// SAFETY: each region is handed out once: `next` only moves forward, and growth moves it to the memory's end.
unsafe impl Allocator for Memory {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let start = match self.next.get() {
            0 => (&raw const __heap_base as usize).next_multiple_of(16),
            next => next,
        };
        let refused = (ptr::null_mut(), 0, 0);
        let Some(end) = start.checked_add(size).and_then(|end| end.checked_next_multiple_of(PAGE)) else {
            return refused;
        };
        let memory = wasm32::memory_size(0) * PAGE;
        if end > memory {
            let grows = |bytes: usize| wasm32::memory_grow(0, bytes / PAGE) != usize::MAX;
            let missing = end - memory;
            if !grows(missing.max(memory)) && !grows(missing) {
                return refused;
            }
        }
        self.next.set(end);
        (start as *mut u8, end - start, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

// === impl Heap ===

// SAFETY: a guest has one thread; the contract knows no other.
unsafe impl Sync for Heap {}

// SAFETY: every method passes its caller's promises on to dlmalloc, which keeps those of an allocator. The exclusive
// borrow ends before anything else can run: dlmalloc calls nothing but `Memory`.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.inner.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.inner.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { (*self.inner.get()).free(pointer, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { (*self.inner.get()).realloc(pointer, layout.size(), layout.align(), size) }
    }
}
