/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *     chains_cxx [--json] [--rounds N]
 *
 * As chains, in C++: waits in destructors that an exception runs, in catch blocks, below templates, virtual functions, lambdas,
 * algorithms and the standard library's threads, locks and futures. See chains.h for how the frames are told.
 */
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <future>
#include <mutex>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#define NOINLINE __attribute__((noinline))
#define AFTER(area) __asm__ volatile("" : : "r"(area) : "memory")

namespace
{

unsigned rounds = 23;

NOINLINE void doze()
{
	std::this_thread::sleep_for(std::chrono::milliseconds(2));
	AFTER(&rounds);
}

/* ---- exceptions ---------------------------------------------------------------------------------------------------------- */

struct slow_to_die {
	std::string text = "not so small that it fits into the object itself";
	NOINLINE ~slow_to_die()
	{
		doze();
		AFTER(this);
	}
};

NOINLINE long thrower(unsigned round)
{
	if (round + 1)
		throw std::runtime_error("expected");
	return 1;
}

NOINLINE long cleanup_c(unsigned round)
{
	slow_to_die local;
	long sum = thrower(round);

	AFTER(&local);
	return sum;
}

NOINLINE long cleanup_b(unsigned round)
{
	try {
		return cleanup_c(round) + 1;
	} catch (const std::exception &e) {
		AFTER(&e);
		return 2;
	}
}

NOINLINE long catching_c(unsigned round)
{
	try {
		return thrower(round);
	} catch (const std::exception &e) {
		doze();
		AFTER(&e);
		return 3;
	}
}

/* ---- the language -------------------------------------------------------------------------------------------------------- */

template <typename T, unsigned N> struct nested {
	NOINLINE static T templated(const std::vector<T> &values)
	{
		T sum = nested<T, N - 1>::templated(values);

		AFTER(&sum);
		return sum + values[N % values.size()];
	}
};

template <typename T> struct nested<T, 0> {
	NOINLINE static T templated(const std::vector<T> &values)
	{
		doze();
		AFTER(&values);
		return values[0];
	}
};

NOINLINE long template_c(unsigned round)
{
	std::vector<long> values(3, round);
	long sum = nested<long, 5>::templated(values);

	AFTER(&values);
	return sum;
}

struct base {
	virtual long answer(unsigned round) = 0;
	virtual ~base() = default;
};

struct derived : base {
	NOINLINE long answer(unsigned round) override
	{
		doze();
		AFTER(this);
		return round;
	}
};

NOINLINE long virtual_c(unsigned round)
{
	derived object;
	base *any = &object;

	AFTER(&any);
	return any->answer(round) + 1;
}

NOINLINE long call(const std::function<long(long)> &f, long n)
{
	long sum = f(n);

	AFTER(&sum);
	return sum;
}

NOINLINE long function_c(unsigned round)
{
	long sum = call([round](long n) NOINLINE {
		doze();
		AFTER(&n);
		return n + round;
	}, 1);

	AFTER(&sum);
	return sum;
}

NOINLINE bool smaller(int a, int b)
{
	doze();
	AFTER(&a);
	return a < b;
}

NOINLINE long sort_c(unsigned round)
{
	std::vector<int> values = {(int)round + 1, 1};

	std::sort(values.begin(), values.end(), smaller);
	AFTER(values.data());
	return values[0];
}

/* ---- the library --------------------------------------------------------------------------------------------------------- */

/* Lets others wait for it, every 3 ms. */
struct beat {
	std::mutex mutex, held;
	std::condition_variable condition;
	bool told = false;
	std::atomic<bool> over{false};
} the_beat;

NOINLINE long condition_c(unsigned round)
{
	std::unique_lock<std::mutex> lock(the_beat.mutex);

	while (!the_beat.told)
		the_beat.condition.wait(lock);
	the_beat.told = false;
	AFTER(&lock);
	return round;
}

/* It is held for most of the time: after a while it is again. */
NOINLINE long mutex_c(unsigned round)
{
	doze();
	std::lock_guard<std::mutex> lock(the_beat.held);

	AFTER(&lock);
	return round;
}

NOINLINE long async_inner(long n)
{
	doze();
	AFTER(&n);
	return n;
}

NOINLINE long future_c(unsigned round)
{
	std::future<long> future = std::async(std::launch::async, [round] {
		pthread_setname_np(pthread_self(), "helper");
		return async_inner(round);
	});
	long sum = future.get();

	AFTER(&sum);
	return sum;
}

NOINLINE long deferred_c(unsigned round)
{
	std::future<long> future = std::async(std::launch::deferred, async_inner, round);
	long sum = future.get();

	AFTER(&sum);
	return sum;
}

NOINLINE long join_c(unsigned round)
{
	std::thread thread([] {
		pthread_setname_np(pthread_self(), "helper");
		doze();
	});

	thread.join();
	AFTER(&thread);
	return round;
}

NOINLINE long once_c(unsigned round)
{
	static std::once_flag flags[1000];

	std::call_once(flags[round % 1000], doze);
	AFTER(&flags);
	return round;
}

/* Runs while a static object is made. */
NOINLINE long slow_value()
{
	doze();
	AFTER(&rounds);
	return 1;
}

/* Before main. */
const long before_main = slow_value();

/* ---- the threads --------------------------------------------------------------------------------------------------------- */

#define ROW(NAME, WHERE) {#NAME, NAME##_main, WHERE " " #NAME "_c " #NAME "_b " #NAME "_main"}
#define CHAIN_FROM_B(NAME)                                                                                                     \
	NOINLINE void NAME##_main()                                                                                            \
	{                                                                                                                      \
		unsigned round;                                                                                                \
		long sum = 0;                                                                                                  \
                                                                                                                               \
		pthread_setname_np(pthread_self(), #NAME);                                                                     \
		for (round = 0; round < rounds; round++) {                                                                     \
			sum += NAME##_b(round);                                                                                \
			AFTER(&sum);                                                                                           \
		}                                                                                                              \
	}
#define CHAIN(NAME)                                                                                                            \
	NOINLINE long NAME##_b(unsigned round)                                                                                 \
	{                                                                                                                      \
		long sum = NAME##_c(round);                                                                                    \
                                                                                                                               \
		AFTER(&sum);                                                                                                   \
		return sum;                                                                                                    \
	}                                                                                                                      \
	CHAIN_FROM_B(NAME)

CHAIN_FROM_B(cleanup)
CHAIN(catching)
CHAIN(template)
CHAIN(virtual)
CHAIN(function)
CHAIN(sort)
CHAIN(condition)
CHAIN(mutex)
CHAIN(future)
CHAIN(deferred)
CHAIN(join)
CHAIN(once)

/* A thread with two chains has two rows, one behind the other. */
const struct {
	const char *name;
	void (*main)();
	const char *frames;
} chains[] = {
	ROW(cleanup, "doze slow_to_die"),
	ROW(catching, "doze"),
	ROW(template, "doze templated*6"),
	ROW(virtual, "doze answer"),
	ROW(function, "doze function_c * call"), /* a lambda is known by the function that it is in */
	ROW(sort, "doze smaller *"),
	ROW(condition, "*"),
	ROW(mutex, "doze"),
	ROW(mutex, "*"),
	ROW(future, "*"),
	ROW(deferred, "doze async_inner *"),
	ROW(join, "*"),
	ROW(once, "doze *"),
};

/* Holds the lock for most of the time, and tells the one who waits for the condition. */
void beat_main()
{
	pthread_setname_np(pthread_self(), "beat");
	while (!the_beat.over) {
		{
			std::lock_guard<std::mutex> lock(the_beat.held);
			std::this_thread::sleep_for(std::chrono::milliseconds(3));
		}
		{
			std::lock_guard<std::mutex> lock(the_beat.mutex);
			the_beat.told = true;
		}
		the_beat.condition.notify_one();
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
}

void print_frames(const char *frames, const char *root)
{
	std::string text = std::string(frames) + " " + root;
	size_t at;

	while ((at = text.find(' ')) != std::string::npos)
		text.replace(at, 1, "\",\"");
	std::printf("[\"%s\"]", text.c_str());
}

void print_truth()
{
	std::printf("{\"program\":\"chains_cxx\",\"pid\":%d,\"threads\":[\n", getpid());
	for (const auto &chain : chains) {
		if (&chain == chains || chain.main != (&chain)[-1].main)
			std::printf(" {\"thread\":\"%s\",\"rounds\":%u,\"computes\":false,\"chains\":[", chain.name, rounds);
		else
			std::printf(",");
		print_frames(chain.frames, "@thread");
		if (&chain == std::end(chains) - 1 || chain.main != (&chain)[1].main)
			std::printf("]},\n");
	}
	std::printf(" {\"thread\":\"chains_cxx\",\"rounds\":1,\"computes\":false,\"chains\":[");
	print_frames("doze slow_value * _start", "@nothing");
	std::printf(",");
	print_frames("* main", "@main");
	std::printf("]}\n]}\n");
}

} // namespace

int main(int argc, char **argv)
{
	std::vector<std::thread> threads;
	bool json = false;

	for (int i = 1; i < argc; i++) {
		if (!std::strcmp(argv[i], "--json"))
			json = true;
		else if (!std::strcmp(argv[i], "--rounds") && i + 1 < argc)
			rounds = (unsigned)std::strtoul(argv[++i], nullptr, 10);
		else
			return 2;
	}
	std::thread beat(beat_main);
	for (const auto &chain : chains)
		if (&chain == chains || chain.main != (&chain)[-1].main)
			threads.emplace_back(chain.main);
	for (auto &thread : threads)
		thread.join();
	the_beat.over = true;
	beat.join();
	if (json)
		print_truth();
	return before_main == 1 && !std::fflush(stdout) ? 0 : 1;
}
