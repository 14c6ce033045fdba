// Every kind of value, error, lock, view, stream and watch, in C++.
#include <poll.h>

#include <cassert>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>
#include <thread>

#include <structstore.hpp>

namespace stst = structstore;
using namespace stst::literals;

template <typename Work>
stst::Error refused(Work work) {
    try {
        work();
    } catch (const stst::Error& error) {
        return error;
    }
    assert(!"it was not refused");
    std::abort();
}

template <typename T>
void round_trip(const stst::Struct& store, T value) {
    store["value"] = value;
    assert(store["value"].get<T>() == value && store["value"].kind() == static_cast<stst_kind>(stst::detail::kind_of<T>()));
}

void values(const stst::Struct& store) {
    round_trip<bool>(store, true);
    round_trip<std::int8_t>(store, -8);
    round_trip<std::int16_t>(store, -16);
    round_trip<std::int32_t>(store, -32);
    round_trip<std::int64_t>(store, std::numeric_limits<std::int64_t>::min());
    round_trip<std::uint8_t>(store, 255);
    round_trip<std::uint16_t>(store, 65535);
    round_trip<std::uint32_t>(store, 4000000000U);
    round_trip<std::uint64_t>(store, std::numeric_limits<std::uint64_t>::max());
    round_trip<float>(store, 0.5F);
    round_trip<double>(store, 0.1);
    round_trip<long long>(store, -1);
    round_trip<unsigned long>(store, 1);
    store["value"] = nullptr;
    assert(store["value"].is_null());
    store["value"] = "a\0b";
    const std::string nul("a\0b", 3);
    store["value"] = nul;
    assert(store["value"].get_str() == nul);
    store["value"].set_bytes("\xff\0", 2);
    assert((store["value"].get_bytes() == std::vector<std::uint8_t>{255, 0}) && store["value"].kind() == STST_BYTES);
    store["copy"] = store["value"];
    assert(store["copy"].kind() == STST_BYTES);
    store["doc"].set_json(R"({"a": [1, 2.5, "x"], "b": null})");
    assert(store.at("doc.a[1]").get<double>() == 2.5 && store["doc"]["b"].is_null());
    assert(store.names() == (std::vector<std::string>{"value", "copy", "doc"}));
    assert(!store["none"].try_get<std::string>() && store.at("doc.a[2]").try_get<std::string>() == "x");
    assert(!store["none"].try_get<int>() && store.at("doc.a[0]").try_get<int>() == 1);
    // Names of all lengths have the hash that the library gives them.
    std::string name;
    for (int length = 1; length <= 300; ++length) {
        name.push_back(static_cast<char>('a' + length % 26));
        const stst::Key key{std::string_view(name)};
        assert(key.hash() == (length > 112 ? 0 : stst_hash(name.data(), name.size())));
    }
    static_assert("num"_key.hash() != 0);
    store["n"] = 5;
    store["s"] = "x";
    assert(store["n"] == 5 && store["n"] != 6 && store["n"] == 5.0 && store["s"] == "x" && store["s"] != std::string("y"));
    stst::Ref<int> n = store["n"];
    n = n + 1;
    assert(n == 6 && n * 2 == 12 && n++ == 6 && n-- == 7);
    n = store["n"];
    store["m"] = n;
    store["m"] = store["half"] = 5.5;
    assert(!(store["m"] == 5) && store["m"] == 5.5 && 6 == store["n"].get<int>());
    std::ostringstream printed;
    printed << store["n"] << ' ' << store["half"] << ' ' << store["s"];
    assert(printed.str() == "6 5.5 x");
    stst::Field of_a_handle = store.substore("sub")["x"];
    of_a_handle = 1;
    stst::Field of_a_path = store.at(std::string("sub.") + "x");
    of_a_path = 2;
    assert(store["sub"]["x"] == 2);
    std::string s;
    s = store["s"];
    const std::string other = store["s"];
    const long long wide = store["n"];
    assert(s == other && wide == 6);
    // A name that is gone when the field is used.
    for (const std::string part : {"short", "too long to lie within a string of its own"}) {
        stst::Field field = store[part + "."];
        stst::Field moved = std::move(field);
        moved = 5;
        assert(store[part + "."].get<int>() == 5 && store.contains(part + "."));
    }
    store.clear();
}

void errors(const stst::Struct& store) {
    store["arm"]["x"] = std::int64_t{5000000000};
    stst::Error error = refused([&] { store.at("arm.x").get<int>(); });
    assert(error.code() == STST_OUT_OF_RANGE && error.path() == "arm.x" && std::strstr(error.what(), "arm.x"));
    assert(refused([&] { store["none"].get<int>(); }).code() == STST_NOT_FOUND);
    assert(refused([&] { store["arm"].get<int>(); }).code() == STST_WRONG_TYPE);
    assert(refused([&] { stst::List list = store["arm"]; }).code() == STST_WRONG_TYPE);
    assert(refused([&] { store[""] = 1; }).code() == STST_INVALID_NAME);
    assert(refused([&] { store["text"] = std::string_view("\xff", 1); }).code() == STST_INVALID_ARGUMENT);
    stst::List list = store["list"];
    list.push_back(1);
    assert(refused([&] { list[3].get<int>(); }).code() == STST_INDEX_OUT_OF_RANGE);
    assert(refused([&] { store["doc"].set_json("{"); }).code() == STST_INVALID_ARGUMENT);
    stst::Struct arm = store["arm"];
    stst::Ref<std::int64_t> x = arm["x"];
    store.remove("arm");
    assert(refused([&] { x = 2; }).code() == STST_STALE_HANDLE);
    assert(refused([&] { arm.size(); }).code() == STST_STALE_HANDLE);

    stst::Limits limits;
    limits.range = {0, 10};
    limits.unit = "1/s";
    store["kp"] = 1.0;
    store["kp"].declare(limits);
    error = refused([&] { store["kp"] = 11.0; });
    assert(error.code() == STST_OUTSIDE_LIMITS && std::strstr(error.what(), "10"));
    assert(refused([&] { store["kp"] = std::nan(""); }).code() == STST_OUTSIDE_LIMITS);
    store["kp"].undeclare();
    store["kp"] = 11.0;
    store.clear();
}

void lists(const stst::Struct& store) {
    stst::List list = store["list"];
    for (int item : {1, 2, 4}) list.push_back(item);
    list.insert(2, 3);
    list.erase(0);
    list.pop_back();
    assert(list.to_json() == "[2, 3]");
    stst::List other = store["other"];
    other.assign(list);
    assert(other == list);
    other.push_back("x");
    assert(other != list && other.size() == 3);
    store["nested"] = other;
    assert(store.at("nested[2]").get_str() == "x");
    int sum = 0;
    for (const stst::Field& item : list) sum += item.get<int>();
    assert(sum == 5);
    store.clear();
}

bool is_free(const stst::List& list) {
    bool is_free = false;
    std::thread([&] {
        try {
            const stst::Lock lock = list.write_lock(0);
            is_free = true;
        } catch (const stst::Error&) {
        }
    }).join();
    return is_free;
}

void loops(const stst::Struct& store) {
    stst::List list = store["list"];
    for (int item : {1, 2, 3}) list.push_back(item);
    list.push_back(std::int64_t{4});
    for (int& item : list) {
        assert(!is_free(list));
        if (item != 2) item *= 10;
    }
    assert(is_free(list) && list.to_json() == "[10, 2, 30, 40]");
    for (std::int64_t& item : list) {
        item += 1;
        if (item == 3) break;
    }
    assert(is_free(list) && list.to_json() == "[11, 3, 30, 40]");
    assert(refused([&] {
               for (int& item : list) {
                   item = 5;
                   if (item == 5) list[9].get<int>();
               }
           }).code() == STST_INDEX_OUT_OF_RANGE);
    assert(is_free(list) && list[0] == 5);
    // Whatever the body does to the list, no memory is written to that is not the item's.
    for (int& item : list) {
        list.push_back(item);
        item = 7;
        if (list.size() == 6) list.erase(0);
        if (list.size() > 8) list.clear();
    }
    {
        stst::Transaction undone = store.transaction();
        for (int& item : list) item = -1;
    }
    for (int item : list) assert(item != -1);
    for (const int& item : list) assert(item != -1 && is_free(list));
    list.clear();
    for (int item = 0; item < 5; ++item) list.push_back(item);
    bool done = false;
    std::thread other([&list, &done] {
        // Never empty, for the first item is gone then before the loop has its lock.
        while (true) {
            const stst::Lock lock = list.write_lock();
            if (done) break;
            if (list.size() > 2) list.pop_back();
            else list.push_back(1);
        }
    });
    for (int turn = 0; turn < 300; ++turn) {
        for (int& item : list) ++item;
    }
    {
        const stst::Lock lock = list.write_lock();
        done = true;
    }
    other.join();
    list.clear();
    list.push_back(1.5);
    assert(refused([&] { for (int& item : list) item = 1; }).code() == STST_WRONG_TYPE);
    stst::Limits limits;
    limits.range = {0, 10};
    store["list"].declare(limits);
    assert(refused([&] { for (double& item : list) item = 11; }).code() == STST_WRONG_TYPE);
    assert(is_free(list) && list[0] == 1.5);
    store["list"].undeclare();
    store.clear();
}

struct Variables {
    stst::Struct store;
    int& speed = store["speed"] = 5;
    double& gain = store["gain"] = 0.5;
    bool& on = store["on"] = true;
    std::uint8_t& small = store["small"];
};

void references(const stst::Struct& root) {
    {
        const stst::Struct part = root["part"];
        root["part"]["gain"] = 3;
        Variables variables{part};
        variables.speed = -7;
        variables.gain *= 3;
        variables.on = false;
        variables.small = 255;
        assert(part["speed"] == -7 && part["gain"] == 1.5 && part["on"] == false && part["small"] == 255);
        part["speed"] = 8;
        assert(variables.speed == 8 && &variables.speed == &static_cast<int&>(root["part"]["speed"]));
        // Reading declares nothing.
        part["read"] = 5;
        const int read = part["read"];
        const int& bound = part["read"];
        assert(read == 5 && bound == 5);
        part["read"] = "five";
        std::vector<int> numbers;
        numbers.push_back(part["speed"]);
        assert(numbers[0] == 8);
        assert(refused([&] { part["speed"] = "fast"; }).code() == STST_WRONG_TYPE);
        assert(refused([&] { part.remove("speed"); }).code() == STST_DECLARED);
        assert(refused([&] { root.remove("part"); }).code() == STST_BOUND);
        assert(refused([&] { double& wrong = part["speed"]; wrong = 1; }).code() == STST_WRONG_TYPE);
        assert(refused([&] { int& wrong = part["read"]; wrong = 1; }).code() == STST_WRONG_TYPE);
        stst::Limits limits;
        limits.range = {0, 10};
        assert(refused([&] { part["speed"].declare(limits); }).code() == STST_BOUND);
        part["limited"] = 1;
        part["limited"].declare(limits);
        assert(refused([&] { int& wrong = part["limited"]; wrong = 11; }).code() == STST_WRONG_TYPE);
        {
            stst::Transaction transaction = part.transaction();
            assert(refused([&] { int& early = part["early"]; early = 1; }).code() == STST_IN_TRANSACTION);
        }
        assert(!part.contains("early"));
        const stst::Lock lock = part.write_lock();
        int& under = part["under"];
        under = 4;
        assert(part["under"] == 4);
    }
}

void locks(const stst::Struct& store) {
    store["a"] = 1;
    {
        const stst::Lock lock = store.write_lock();
        store["a"] = 2;
        assert(!lock.recovered());
        std::thread([&] {
            assert(refused([&] { static_cast<void>(store.read_lock(0.01)); }).code() == STST_LOCK_TIMEOUT);
            assert(refused([&] { static_cast<void>(store.transaction(0.01)); }).code() == STST_LOCK_TIMEOUT);
        }).join();
    }
    {
        const stst::Lock one = store.read_lock();
        std::thread([&] { const stst::Lock two = store.read_lock(0.5); }).join();
    }
    {
        stst::Transaction transaction = store.transaction();
        store["a"] = 3;
        store["b"] = 4;
    }
    assert(store["a"].get<int>() == 2 && !store.contains("b"));
    {
        // One that is taken under another holds when that ends first.
        std::optional<stst::Lock> first(store.write_lock());
        stst::Transaction second = store.transaction();
        store["a"] = 7;
        first.reset();
        std::thread([&] { assert(refused([&] { static_cast<void>(store.write_lock(0.01)); }).code() == STST_LOCK_TIMEOUT); }).join();
        second.rollback();
        std::thread([&] { const stst::Lock other = store.write_lock(10); }).join();
        stst::Lock lock = store.write_lock();
        lock = store.write_lock();
        std::thread([&] { assert(refused([&] { static_cast<void>(store.write_lock(0.01)); }).code() == STST_LOCK_TIMEOUT); }).join();
        // And is given up where it ends.
        std::thread([moved = std::move(lock)] {}).join();
        std::thread([&] { const stst::Lock other = store.write_lock(10); }).join();
        assert(store["a"] == 2);
    }
    stst::Transaction transaction = store.transaction();
    store["a"] = 3;
    std::thread([&] { assert(refused([&] { transaction.commit(); }).code() == STST_IN_TRANSACTION); }).join();
    transaction.commit();
    assert(store["a"].get<int>() == 3);
    stst::Ref<int> counter = store["counter"] = 0;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([counter]() mutable {
            for (int turn = 0; turn < 1000; ++turn) ++counter;
        });
    }
    for (std::thread& thread : threads) thread.join();
    assert(counter == 4000);
    store.clear();
}

void arrays(const stst::Struct& store) {
    store["vector"] = std::vector<double>{1, 2, 3};
    const float matrix[] = {1, 2, 3, 4, 5, 6};
    store["matrix"].set_array(matrix, {2, 3});
    const stst::View<float> view = store["matrix"].view<float>();
    assert((view.shape() == std::vector<std::size_t>{2, 3}) && view(1, 2) == 6 && view.size() == 6 && view.writable());
    view(0, 0) = 7;
    assert(store.at("matrix[0, 0]").get<float>() == 7);
    store.remove("matrix");
    // Its memory stays.
    assert(view[0] == 7 && !view.current());
    assert(refused([&] { store["vector"].view<float>(); }).code() == STST_WRONG_TYPE);
    assert((store["vector"].get<std::vector<double>>() == std::vector<double>{1, 2, 3}));
    stst::Limits limits;
    limits.range = {0, 10};
    store["vector"].declare(limits);
    assert(refused([&] { store["vector"].view<double>(); }).code() == STST_READ_ONLY);
    assert(store["vector"].view<const double>()[2] == 3);
    store["vector"].undeclare();
    double sum = 0;
    for (const double element : store["vector"].view<double>()) sum += element;
    assert(sum == 6);
    const std::string bytes = store.to_bytes();
    stst::StructStore copy;
    copy.restore(bytes);
    assert(copy == store);
    store.clear();
}

struct Imu {
    double time;
    float acceleration[3];
    std::uint32_t count;
};

void streams(const stst::Struct& store) {
    stst::Stream<double> numbers = store["numbers"].create_stream<double>(10);
    assert(refused([&] { numbers.latest(); }).code() == STST_NO_SAMPLE);
    for (int number = 0; number < 30; ++number) numbers.publish(number);
    assert(numbers.latest().value == 29 && numbers.latest().number == 29);
    const auto first = numbers.next(0);
    // Those that are not kept any more are counted.
    assert(first && first->number > 0 && first->value == first->number && first->missed == first->number);
    std::uint64_t count = 1;
    while (numbers.next(0)) ++count;
    assert(count == 30 - first->number && count >= 10);
    std::thread late([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        numbers.publish(30);
    });
    assert(numbers.next(60)->value == 30);
    late.join();
    stst::Stream<Imu> imu =
        store["imu"].create_stream<Imu>(100, "[('t', '<f8'), ('acc', '<f4', (3,)), ('n', '<u4')]");
    std::thread reader([&] {
        stst::Stream<Imu> other = store["imu"].stream<Imu>();
        for (std::uint32_t turn = 0; turn < 50; ++turn) {
            const auto sample = other.next(60);
            assert(sample && sample->value.count == turn && sample->value.acceleration[2] == 9.5F);
        }
    });
    for (std::uint32_t turn = 0; turn < 50; ++turn) imu.publish(Imu{0.5, {1, 2, 9.5F}, turn});
    reader.join();
    assert(refused([&] { store["imu"].stream<double>().latest(); }).code() == STST_INVALID_ARGUMENT);
    stst::Stream<Imu> another = store["imu"].stream<Imu>();
    while (numbers.next(0) || another.next(0)) {
    }
    assert(!stst::wait_any(0.01, numbers, another));
    std::thread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        imu.publish(Imu{0.5, {1, 2, 3}, 51});
    });
    assert(stst::wait_any(60, numbers, another) && another.next(0)->value.count == 51 && !numbers.next(0));
    later.join();
    store.clear();
}

void frames(const stst::Struct& store) {
    stst::Frames<std::uint8_t> images = store["images"].create_frames<std::uint8_t>(3, {48, 64, 3});
    assert(images.size() == 48 * 64 * 3 && refused([&] { images.latest(); }).code() == STST_NO_SAMPLE);
    assert(!images.wait(0, 0.01));
    {
        stst::Loan<std::uint8_t> loan = images.loan();
        for (std::uint8_t& pixel : loan) pixel = 7;
        loan.publish();
        const stst::Loan<std::uint8_t> unused = images.loan();
    }
    const stst::Frame<std::uint8_t> first = images.latest();
    assert(images.wait(0) && first.number() == 0 && first[9215] == 7 && first.size() == images.size());
    std::vector<std::uint8_t> pixels(images.size(), 8);
    for (int turn = 0; turn < 10; ++turn) images.publish(pixels.data(), pixels.size());
    assert(first[0] == 7 && images.latest()[0] == 8 && images.latest().number() == 10);
    assert(refused([&] { images.publish(pixels.data(), 5); }).code() == STST_INVALID_ARGUMENT);
    std::vector<stst::Frame<std::uint8_t>> held;
    assert(refused([&] {
               for (int turn = 0; turn < 200; ++turn) {
                   held.push_back(images.latest());
                   images.publish(pixels.data(), pixels.size());
               }
           }).code() == STST_FRAMES_PINNED);
    held.clear();
    images.publish(pixels.data(), pixels.size());
    store.remove("images");
    assert(first[0] == 7);
    stst::Frames<float> small = store["small"].create_frames<float>(2, {3});
    assert(refused([&] { static_cast<void>(small.loan()); }).code() != STST_OK);
    const float values[] = {1, 2, 3};
    small.publish(values, 3);
    assert(small.latest()[2] == 3);
    store.clear();
}

void watches(const stst::Struct& store) {
    store["a"] = 1;
    stst::Watch watch = store.watch();
    assert(watch.changes().empty());
    store["before"] = 1;
    pollfd ready{watch.fd(), POLLIN, 0};
    assert(poll(&ready, 1, 60000) == 1 && watch.changes() == std::vector<std::string>{"before"});
    for (int turn = 0; turn < 3; ++turn) {
        std::thread([&] { store["a"] = turn + 2; }).join();
        assert(poll(&ready, 1, 60000) == 1);
        assert(watch.wait(60) == std::vector<std::string>{"a"});
    }
    assert(watch.wait(0.01).empty());
    store.clear();
}

int main(int argc, char** argv) {
    assert(argc == 2);
    stst::Options options;
    options.cleanup = STST_CLEANUP_ALWAYS;
    options.prefault = 1 << 20;
    const stst::StructStore local;
    const stst::StructStoreShared shared(argv[1], options);
    for (const stst::Struct* store : {static_cast<const stst::Struct*>(&local), &*shared}) {
        values(*store);
        errors(*store);
        lists(*store);
        locks(*store);
        arrays(*store);
        loops(*store);
        streams(*store);
        frames(*store);
        watches(*store);
        references(*store);
    }
    local.check();
    shared.check();
    assert(refused([] {
               stst::Options missing;
               missing.must_exist = true;
               missing.timeout = 0.01;
               stst::StructStoreShared("/structstore_nobody_has_this", missing);
           }).code() == STST_IO);
    assert(refused([] {
               stst::Options other;
               other.group = "nobody has such a group";
               stst::StructStoreShared("/structstore_nobody_has_this", other);
           }).code() == STST_INVALID_ARGUMENT);
    assert(stst_version() == 2000);
    return 0;
}
