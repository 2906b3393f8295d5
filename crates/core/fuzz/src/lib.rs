//! The allocator of the fuzzers. It counts, and fails what takes more memory than its input allows.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

/// Memory for each byte of the input.
const FACTOR: usize = 8;

/// Memory for any input: what is initialised once, small buffers, and the messages of an array.
const CONSTANT: usize = 64 * 1024;

/// Memory for reads, for each of which there is room for 64 KiB.
pub const READS: usize = 256 * 1024;

/// Memory for a document that becomes a tree of values; their number has limits of its own.
pub const TREE: usize = 1024 * 1024;

/// Whether allocations are counted, what is held of those that were, and how much that may be.
static COUNTS: AtomicBool = AtomicBool::new(false);
static HELD: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Runs a check, then the code that it checks within its allowance.
///
/// The checks build trees of values to compare with, so they are not measured.
pub fn run(bytes: &[u8], check: fn(&[u8]), measured: fn(&[u8])) {
    run_with(bytes, CONSTANT, check, measured);
}

/// The same for what has another constant.
pub fn run_with(bytes: &[u8], constant: usize, check: fn(&[u8]), measured: fn(&[u8])) {
    check(bytes);
    HELD.store(0, Relaxed);
    LIMIT.store(FACTOR * bytes.len() + constant, Relaxed);
    COUNTS.store(true, Relaxed);
    measured(bytes);
    COUNTS.store(false, Relaxed);
}

/// In front of each block: its size if it is counted, else zero.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The block with its head, and the length of the head.
fn with_head(layout: Layout, size: usize) -> Option<(Layout, usize)> {
    let align = layout.align().max(align_of::<usize>());
    let whole = Layout::from_size_align(size.checked_add(align)?, align).ok()?;
    Some((whole, align))
}

/// Counts a block of this size; what it is counted with, or nothing if it is too much.
fn count(size: usize) -> Option<usize> {
    if !COUNTS.load(Relaxed) {
        return Some(0);
    }
    let held = HELD.fetch_add(size, Relaxed) + size;
    if held <= LIMIT.load(Relaxed) {
        return Some(size);
    }
    // The message about it is made by the same allocator.
    COUNTS.store(false, Relaxed);
    eprintln!("{held} bytes are held; this input may take {}", LIMIT.load(Relaxed));
    None
}

fn discount(counted: usize) {
    HELD.fetch_sub(counted, Relaxed);
}

// SAFETY: blocks come from the system's allocator, each with room for its count in front of it, aligned as asked.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((whole, head)) = with_head(layout, layout.size()) else {
            return std::ptr::null_mut();
        };
        let Some(counted) = count(layout.size()) else { std::process::abort() };
        // SAFETY: the size is that of the head at least.
        let block = unsafe { System.alloc(whole) };
        if block.is_null() {
            return block;
        }
        // SAFETY: the head has room for a number and is aligned for it.
        unsafe {
            block.cast::<usize>().write(counted);
            block.add(head)
        }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        let Some((whole, head)) = with_head(layout, layout.size()) else { return };
        // SAFETY: it was allocated above.
        unsafe {
            let block = place.sub(head);
            discount(block.cast::<usize>().read());
            System.dealloc(block, whole);
        }
    }

    /// What the system does in place is not held twice.
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (Some((before, head)), Some((after, _))) =
            (with_head(layout, layout.size()), with_head(layout, size))
        else {
            return std::ptr::null_mut();
        };
        // SAFETY: it was allocated above, with the same alignment.
        unsafe {
            let block = place.sub(head);
            discount(block.cast::<usize>().read());
            let Some(counted) = count(size) else { std::process::abort() };
            let block = System.realloc(block, before, after.size());
            if block.is_null() {
                return block;
            }
            block.cast::<usize>().write(counted);
            block.add(head)
        }
    }
}
