// The same through libfastnet: the net is read from the file that net.save wrote; four threads share it, each with
// a work space of its own.  Exit code 1 if any bit differs from the call of a single thread.
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <fastnet.h>

using Net = std::unique_ptr<fastnet_net, decltype(&fastnet_close)>;

static std::vector<float> outputs(const fastnet_net *net, const std::vector<float> &x)
{
    const std::size_t m = x.size() / fastnet_net_n_inputs(net);
    std::vector<float> y(m * fastnet_net_n_outputs(net));
    std::vector<char> workspace(fastnet_workspace_size_f32(net, m));
    fastnet_eval_f32(net, m, x.data(), y.data(), workspace.data());
    return y;
}

int main(int argc, char **argv)
{
    fastnet_net *opened = nullptr;
    if (fastnet_open(argc > 1 ? argv[1] : "digits.safetensors", &opened) != FASTNET_OK) {
        std::fprintf(stderr, "%s\n", fastnet_open_message());
        return 2;
    }
    const Net net(opened, fastnet_close);
    if (fastnet_net_precision(net.get()) != FASTNET_F32)
        return 2;
    std::vector<float> x(1000 * fastnet_net_n_inputs(net.get()));
    for (std::size_t i = 0; i < x.size(); i++)
        x[i] = static_cast<float>(i * 7919 % 17) / 16;
    const std::vector<float> alone = outputs(net.get(), x);

    std::vector<std::vector<float>> found(4);
    std::vector<std::thread> threads;
    for (auto &y : found)
        threads.emplace_back([&] { y = outputs(net.get(), x); });
    for (auto &thread : threads)
        thread.join();
    bool same = true;
    for (const auto &y : found)
        same = same && std::memcmp(y.data(), alone.data(), alone.size() * sizeof(float)) == 0;
    std::printf("libfastnet, 4 threads on one net: %s\n", same ? "the same bits" : "DIFFERENT");
    return same ? 0 : 1;
}
