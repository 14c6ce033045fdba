// One side of a store that other processes share: counts, or dies with the lock.
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>

#include <structstore.hpp>

namespace stst = structstore;

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const stst::StructStoreShared store(argv[1]);
    if (std::string(argv[2]) == "die") {
        const stst::Lock lock = store->write_lock();
        store["pair"]["a"] = 99;
        std::cout << "held" << std::endl;
        kill(getpid(), SIGKILL);
    }
    stst::Ref<std::int64_t> counter = store["counter"];
    for (int turn = 0; turn < 2000; ++turn) {
        stst::Transaction transaction = store->transaction();
        store["pair"]["a"] = turn;
        ++counter;
        store["pair"]["b"] = -turn;
        transaction.commit();
    }
    return 0;
}
