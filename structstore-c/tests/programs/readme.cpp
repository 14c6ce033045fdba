// What the original's README does, with the changes that the table in ours lists.
#include <cassert>
#include <iostream>
#include <sstream>

#include <structstore.hpp>

namespace stst = structstore;
using stst::H;

struct Subsettings {
    stst::Struct store;

    int& subnum = store["subnum"] = 42;
    stst::Ref<stst::string> substr = store["substr"] = (const char*) "bar";

    explicit Subsettings(const stst::Struct& store) : store(store) {}
};

struct Settings {
    stst::Struct store;

    int& num = store["num"] = 5;
    double& value = store["value"] = 3.25;
    bool& flag = store["flag"] = true;
    stst::Ref<stst::string> str = store["str"] = "foo";
    Subsettings subsettings{store.substore("subsettings")};

    explicit Settings(const stst::Struct& store) : store(store) {}
};

// Structs that know nothing of stores.
struct Plain {
    int num = 5;
    double value = 3.14;
    bool flag = true;
    std::string str = "foo";
};

void to_store(const stst::Struct& store, const Plain& plain) {
    store["num"] = plain.num;
    store["value"] = plain.value;
    store["flag"] = plain.flag;
    store["str"] = plain.str;
}

void from_store(const stst::Struct& store, Plain& plain) {
    plain.num = store["num"];
    plain.value = store["value"];
    plain.flag = store["flag"];
    plain.str = store["str"].get_str();
}

template <typename T>
std::string printed(const T& value) {
    std::ostringstream text;
    text << value;
    return text.str();
}

int main(int argc, char** argv) {
    assert(argc == 2);
    {
        stst::StructStore store;
        int& num = store["num"] = 0;
        num = 5;
        stst::List list = store["list"];
        list.push_back(5);
        list.push_back(42);
        for (int& i : list) {
            ++i;
        }
        stst::List strlist = store["strlist"];
        strlist.push_back((const char*) "foo");
        for (stst::Ref<stst::string> str : strlist) {
            str += "bar";
        }
        assert(printed(store) == R"({"num": 5, "list": [6, 43], "strlist": ["foobar"]})");
        assert(strlist.size() == 1 && strlist[0].get<stst::string>().size() == 6);
        list.push_back(stst::StructStore());
        assert(list.size() == 3 && list[2].kind() == STST_STRUCT);
        assert(store.to_yaml().rfind("num: 5\n", 0) == 0);
        store.check();
        list.clear();
        store.remove("strlist");
        assert(store.size() == 2);
    }
    {
        stst::StructStore store;
        Settings settings{store};
        settings.num = 42;
        settings.subsettings.substr += ".";
        std::cout << "settings: " << store << std::endl;
        assert(printed(store) ==
               R"({"num": 42, "value": 3.25, "flag": true, "str": "foo", "subsettings": {"subnum": 42, "substr": "bar."}})");
        stst::StructStore other = store;
        assert(other == store);
        settings.subsettings.subnum += 1;
        assert(other != store && other["subsettings"]["subnum"].get<int>() == 42);
    }
    {
        stst::Options options;
        options.cleanup = STST_CLEANUP_ALWAYS;
        stst::StructStoreShared shdata_store(argv[1], options);
        shdata_store[H("num")] = 53;
        assert(shdata_store["num"].get<int>() == 53 && shdata_store->size() == 1);
        Settings shsettings{(*shdata_store)["settings"]};
        shsettings.num = 43;
        assert((*shdata_store).at("settings.num").get<int>() == 43);
        Plain plain, read;
        plain.num = 44;
        plain.str = "plain";
        to_store(shdata_store["plain"], plain);
        from_store(shdata_store["plain"], read);
        assert(read.num == 44 && read.str == "plain");
        std::cout << "shared data: " << *shdata_store << std::endl;
        shdata_store.check();
    }
    return 0;
}
