// One side of a store that other processes share.
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>

#include <structstore.hpp>

#include "specimens.hpp"

namespace stst = structstore;

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const stst::StructStoreShared store(argv[1]);
    const std::string task = argv[2];
    if (task == "transact") {
        for (int turn = 0; turn < 5000; ++turn) {
            {
                stst::Transaction undone = store->transaction();
                store["counter"] = -1;
                store["text " + std::to_string(turn % 7)] = "a text that is too long to lie in the record of a node";
            }
            stst::Transaction transaction = store->transaction();
            store["counter"] = store["counter"].get<std::int64_t>() + 1;
            store["pair"] = nullptr;
            transaction.commit();
        }
        return 0;
    }
    if (task == "put") {
        put_specimens(*store);
        return 0;
    }
    if (task == "assert") {
        assert_specimens(*store);
        store.check();
        return 0;
    }
    if (task == "publish") {
        const stst::Stream<double> numbers = store["numbers"].stream<double>();
        for (int number = 0; number < 100; ++number) numbers.publish(number / 2.0);
        return 0;
    }
    if (task == "follow") {
        stst::Stream<double> numbers = store["numbers"].stream<double>();
        for (int number = 0; number < 100; ++number) {
            const auto sample = numbers.next(60);
            assert(sample && sample->value == number / 2.0 && sample->missed == 0);
        }
        return 0;
    }
    if (task == "meet the dead") {
        // Another process has died with the lock, in the middle.
        const stst::Lock lock = store->at("pair").get<stst::Struct>().write_lock(60);
        assert(lock.recovered() && store["pair"]["a"] == 99);
        return 0;
    }
    if (task == "refuse") {
        stst_status found = STST_OK;
        try {
            store["limited"] = 11;
        } catch (const stst::Error& error) {
            assert(error.path() == "limited");
            found = error.code();
        }
        assert(found == STST_OUTSIDE_LIMITS);
        try {
            store["u8"] = 256;
        } catch (const stst::Error& error) {
            found = error.code();
        }
        assert(found == STST_OUT_OF_RANGE && store["limited"] == 5 && store["u8"] == 1);
        return 0;
    }
    if (task == "die") {
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
