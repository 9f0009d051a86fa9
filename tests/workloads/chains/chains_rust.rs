// SPDX-License-Identifier: BSD-2-Clause
//     chains_rust [--json] [--rounds N]
//
// As chains, in Rust: the standard library's threads, locks, channels and sockets, and waits while a panic unwinds. See chains.h for
// how the frames are told.
use std::hint::black_box;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::panic;
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::Duration;

struct Shared {
    held: Mutex<u64>,
    told: Mutex<bool>,
    condition: Condvar,
    meeting: Barrier,
    channel: Mutex<mpsc::Receiver<u64>>,
    socket: Mutex<UnixStream>,
}

#[inline(never)]
fn doze() {
    thread::sleep(Duration::from_millis(2));
    black_box(());
}

#[inline(never)]
fn sleep_c(_: &Shared) -> u64 {
    doze();
    black_box(1)
}

#[inline(never)]
fn mutex_c(shared: &Shared) -> u64 {
    doze(); // it is held for most of the time: after a while it is again
    let mut guard = shared.held.lock().unwrap();
    *guard += 1;
    black_box(*guard)
}

#[inline(never)]
fn condition_c(shared: &Shared) -> u64 {
    let mut told = shared.told.lock().unwrap();
    while !*told {
        told = shared.condition.wait(told).unwrap();
    }
    *told = false;
    black_box(2)
}

#[inline(never)]
fn barrier_c(shared: &Shared) -> u64 {
    shared.meeting.wait();
    black_box(3)
}

#[inline(never)]
fn channel_c(shared: &Shared) -> u64 {
    black_box(shared.channel.lock().unwrap().recv().unwrap())
}

#[inline(never)]
fn socket_c(shared: &Shared) -> u64 {
    let mut byte = [0u8; 1];
    shared.socket.lock().unwrap().read_exact(&mut byte).unwrap();
    black_box(byte[0] as u64)
}

#[inline(never)]
fn join_c(_: &Shared) -> u64 {
    let helper = thread::Builder::new().name("helper".into());
    black_box(helper.spawn(|| { doze(); 4 }).unwrap().join().unwrap())
}

struct SlowToDie(u64);

impl Drop for SlowToDie {
    #[inline(never)]
    fn drop(&mut self) {
        doze();
        black_box(self.0);
    }
}

#[inline(never)]
fn panicker(n: u64) -> u64 {
    if black_box(n) > 0 {
        panic::resume_unwind(Box::new(5u64));
    }
    n
}

#[inline(never)]
fn panicking(n: u64) -> u64 {
    let local = SlowToDie(n);
    panicker(n) + black_box(local.0)
}

#[inline(never)]
fn panic_c(_: &Shared) -> u64 {
    black_box(panic::catch_unwind(|| panicking(6)).is_err() as u64)
}

#[inline(never)]
fn sort_c(_: &Shared) -> u64 {
    let mut values = black_box([2u64, 1]);
    values.sort_by(|a, b| {
        doze();
        a.cmp(b)
    });
    black_box(values[0])
}

#[inline(never)]
fn dyn_c(_: &Shared) -> u64 {
    let call: Box<dyn Fn(u64) -> u64> = black_box(Box::new(|n| {
        doze();
        black_box(n + 1)
    }));
    black_box(call(7))
}

struct Chain {
    name: &'static str,
    main: fn(Arc<Shared>, u64) -> u64,
    frames: &'static str,
    others: &'static str, // where it blocks as well, or ""
}

macro_rules! chains {
    ($($name:literal $where:literal $($other:literal)? $main:ident $b:ident $c:ident),* $(,)?) => {
        $(
            #[inline(never)]
            fn $b(shared: &Shared) -> u64 {
                black_box($c(shared)) + 1
            }

            #[inline(never)]
            fn $main(shared: Arc<Shared>, rounds: u64) -> u64 {
                (0..rounds).map(|_| black_box($b(&shared))).sum()
            }
        )*
        const CHAINS: &[Chain] = &[$(Chain {
            name: $name,
            main: $main,
            frames: concat!($where, " ", stringify!($c), " ", stringify!($b), " ", stringify!($main)),
            others: concat!($($other, " ", stringify!($c), " ", stringify!($b), " ", stringify!($main))?),
        }),*];
    };
}

chains! {
    "sleep" "doze" sleep_main sleep_b sleep_c,
    "mutex" "doze" "*" mutex_main mutex_b mutex_c,
    "condition" "*" condition_main condition_b condition_c,
    "barrier" "*" barrier_main barrier_b barrier_c,
    "channel" "*" channel_main channel_b channel_c,
    "socket" "*" socket_main socket_b socket_c,
    "join" "*" join_main join_b join_c,
    "panic" "doze * panicking *" panic_main panic_b panic_c,
    "sort" "doze *" sort_main sort_b sort_c,
    "dyn" "doze *" dyn_main dyn_b dyn_c,
}

// What the others wait for, in every round.
fn beat(shared: &Shared, sender: &mpsc::Sender<u64>, socket: &mut UnixStream, rounds: u64) {
    for round in 0..rounds {
        {
            let guard = shared.held.lock().unwrap();
            thread::sleep(Duration::from_millis(3));
            black_box(*guard);
        }
        *shared.told.lock().unwrap() = true;
        shared.condition.notify_one();
        sender.send(round).unwrap();
        socket.write_all(b"x").unwrap();
        shared.meeting.wait();
    }
}

fn quoted(frames: &str) -> String {
    let words: Vec<String> = frames.split(' ').chain(["@thread"]).map(|w| format!("\"{w}\"")).collect();
    format!("[{}]", words.join(","))
}

fn print_truth(rounds: u64) {
    println!("{{\"program\":\"chains_rust\",\"pid\":{},\"threads\":[", std::process::id());
    for (i, chain) in CHAINS.iter().enumerate() {
        let chains: Vec<String> = [chain.frames, chain.others].iter().filter(|f| !f.is_empty()).map(|f| quoted(f)).collect();
        println!(
            " {}{{\"thread\":\"{}\",\"rounds\":{rounds},\"computes\":false,\"chains\":[{}]}}",
            if i == 0 { "" } else { "," },
            chain.name,
            chains.join(",")
        );
    }
    println!("]}}");
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let json = arguments.iter().any(|a| a == "--json");
    let rounds = match arguments.iter().position(|a| a == "--rounds") {
        Some(i) => arguments[i + 1].parse().unwrap(),
        None => 23,
    };
    let (sender, receiver) = mpsc::channel();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let shared = Arc::new(Shared {
        held: Mutex::new(0),
        told: Mutex::new(false),
        condition: Condvar::new(),
        meeting: Barrier::new(2),
        channel: Mutex::new(receiver),
        socket: Mutex::new(theirs),
    });
    let threads: Vec<_> = CHAINS
        .iter()
        .map(|chain| {
            let shared = shared.clone();
            let main = chain.main;
            thread::Builder::new().name(chain.name.into()).spawn(move || main(shared, rounds)).unwrap()
        })
        .collect();
    beat(&shared, &sender, &mut ours, rounds);
    // The condition holds one message only: who missed one gets it now.
    while threads.iter().any(|t| !t.is_finished()) {
        *shared.told.lock().unwrap() = true;
        shared.condition.notify_one();
        thread::sleep(Duration::from_millis(1));
    }
    for thread in threads {
        thread.join().unwrap();
    }
    if json {
        print_truth(rounds);
    }
}
