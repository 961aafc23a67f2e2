// Four threads call one net at once; exit code 1 if any bit differs from the call of a single thread.
#include <array>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "digits_net.h"

int main()
{
    constexpr std::size_t samples = 1000, n_in = DIGITS_NET_N_IN, n_out = DIGITS_NET_N_OUT;
    std::vector<float> x(samples * n_in), alone(samples * n_out);
    for (std::size_t i = 0; i < x.size(); i++)
        x[i] = static_cast<float>(i * 7919 % 17) / 16;
    digits_net_value_batch(samples, x.data(), alone.data());

    std::array<std::vector<float>, 4> found;
    std::vector<std::thread> threads;
    for (auto &y : found) {
        y.resize(alone.size());
        threads.emplace_back([&x, &y] { digits_net_value_batch(samples, x.data(), y.data()); });
    }
    for (auto &thread : threads)
        thread.join();

    bool same = true;
    for (const auto &y : found)
        same = same && std::memcmp(y.data(), alone.data(), alone.size() * sizeof(float)) == 0;
    std::printf("%zu samples in 4 threads: %s\n", samples, same ? "the same bits" : "DIFFERENT");
    return same ? 0 : 1;
}
