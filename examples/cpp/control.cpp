// A control loop in C++. A Python process tunes it while it runs, and a browser watches:
//
//     $ cargo xtask install-c --prefix prefix
//     $ g++ -std=c++17 -O2 examples/cpp/control.cpp -o control $(PKG_CONFIG_PATH=prefix/lib/pkgconfig pkg-config --cflags --libs structstore)
//     $ LD_LIBRARY_PATH=prefix/lib ./control /robot 60 &
//     $ structstore serve robot --write drive.gains
//     $ python -c 'import structstore; structstore.StructStoreShared("/robot").drive.gains.kp = 4.0'
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

#include <structstore.hpp>

namespace stst = structstore;
using namespace stst::literals;

// What is tuned, and what is shown. Each member is a field of the store.
struct Gains {
    explicit Gains(const stst::Struct& store) : store(store) {
        stst::Limits limits;
        limits.range = {0, 20};
        limits.unit = "1/s";
        limits.description = "Proportional gain.";
        store["kp"].declare(limits);
    }

    stst::Struct store;
    stst::Ref<double> kp = store["kp"] = store["kp"].try_get<double>().value_or(2.0);
};

struct State {
    double time;
    double position;
    double command;
};

int main(int argc, char** argv) {
    const std::string name = argc > 1 ? argv[1] : "/robot";
    const double seconds = argc > 2 ? std::atof(argv[2]) : 10;
    const stst::StructStoreShared robot(name);
    const stst::Struct drive = robot["drive"];
    const Gains gains(drive["gains"]);
    drive["target"] = 1.0;
    stst::Stream<State> states =
        drive["states"].create_stream<State>(1000, "[('time', '<f8'), ('position', '<f8'), ('command', '<f8')]");

    constexpr stst::Key target = "target"_key, position_key = "position"_key;
    const double period = 0.001;
    double position = 0;
    auto next = std::chrono::steady_clock::now();
    for (double time = 0; time < seconds; time += period) {
        const double command = gains.kp * (drive[target].get<double>() - position);
        position += command * period;
        drive[position_key] = position;
        states.publish(State{time, position, command});
        next += std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(period));
        std::this_thread::sleep_until(next);
    }
    std::cout << "position " << position << ", kp " << gains.kp << std::endl;
    return 0;
}
