/* SPDX-License-Identifier: MIT */
/* Threads as C++ has them: they throw, wait for each other's results, and meet at what is atomic. */
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <mutex>
#include <numeric>
#include <queue>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <vector>

static std::mutex mutex;
static std::condition_variable changed;
static std::queue<int> queue;
static bool closed;

static long consume()
{
	long sum = 0;
	for (;;) {
		std::unique_lock<std::mutex> lock(mutex);
		changed.wait(lock, [] { return closed || !queue.empty(); });
		if (queue.empty())
			return sum;
		sum += queue.front();
		queue.pop();
	}
}

static void producers_and_consumers()
{
	std::vector<std::future<long>> sums;
	std::vector<std::thread> producers;

	for (int i = 0; i < 4; i++)
		sums.push_back(std::async(std::launch::async, consume));
	for (int i = 0; i < 4; i++)
		producers.emplace_back([i] {
			for (int n = 0; n < 500; n++) {
				std::lock_guard<std::mutex> lock(mutex);
				queue.push(i * 500 + n);
				changed.notify_one();
			}
		});
	for (auto &p : producers)
		p.join();
	{
		std::lock_guard<std::mutex> lock(mutex);
		closed = true;
		changed.notify_all();
	}
	long all = 0;
	for (auto &s : sums)
		all += s.get();
	std::printf("four produced and four consumed: %ld\n", all);
}

static thread_local std::vector<int> own;

static void own_variables()
{
	std::vector<std::future<size_t>> sizes;
	for (int i = 0; i < 50; i++)
		sizes.push_back(std::async(std::launch::async, [i] {
			own.resize(static_cast<size_t>(i));
			std::this_thread::yield();
			return own.size();
		}));
	size_t all = 0;
	for (auto &s : sizes)
		all += s.get();
	std::printf("fifty vectors of their own: %zu, mine %zu\n", all, own.size());
}

static void exceptions()
{
	auto thrown = std::async(std::launch::async, []() -> int { throw std::out_of_range("beyond"); });
	try {
		thrown.get();
	} catch (const std::out_of_range &e) {
		std::printf("thrown in one thread, caught in another: %s\n", e.what());
	}
}

static void atomics()
{
	std::atomic<long> count{0};
	std::shared_mutex lock;
	std::vector<long> log;
	std::vector<std::thread> threads;

	for (int i = 0; i < 8; i++)
		threads.emplace_back([&] {
			for (int n = 0; n < 1000; n++) {
				long was = count.load();
				while (!count.compare_exchange_weak(was, was + 1)) {
				}
			}
			std::unique_lock<std::shared_mutex> writer(lock);
			log.push_back(1);
		});
	for (auto &t : threads)
		t.join();
	std::printf("counted %ld, logged %ld\n", count.load(), std::accumulate(log.begin(), log.end(), 0L));
}

int main()
{
	producers_and_consumers();
	own_variables();
	exceptions();
	atomics();
	return 0;
}
