/* SPDX-License-Identifier: MIT */
/* C++: containers, strings, sorting, exceptions through frames with destructors, threads' absence. */
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

struct Guard {
	const char *name;
	explicit Guard(const char *n) : name(n) { std::cout << "  enter " << name << std::endl; }
	~Guard() { std::cout << "  leave " << name << std::endl; }
};

static int depth(int n)
{
	Guard g(n % 2 ? "odd" : "even");
	if (n == 0)
		throw std::runtime_error("thrown at the bottom");
	return depth(n - 1) + 1;
}

struct Shape {
	virtual ~Shape() = default;
	virtual double area() const = 0;
};
struct Square : Shape {
	double side;
	explicit Square(double s) : side(s) {}
	double area() const override { return side * side; }
};
struct Circle : Shape {
	double radius;
	explicit Circle(double r) : radius(r) {}
	double area() const override { return 3.14159265358979 * radius * radius; }
};

int main()
{
	std::vector<int> v;
	for (int i = 0; i < 100000; i++)
		v.push_back((i * 7919) % 100003);
	std::sort(v.begin(), v.end());
	long sum = 0;
	for (size_t i = 0; i < v.size(); i += 1000)
		sum += v[i];
	std::cout << "vector " << v.size() << " " << v.front() << " " << v.back() << " " << sum << std::endl;

	try {
		depth(3);
	} catch (const std::exception &e) {
		std::cout << "caught: " << e.what() << std::endl;
	}
	try {
		v.at(v.size());
	} catch (const std::out_of_range &) {
		std::cout << "caught: out of range" << std::endl;
	}
	try {
		try {
			throw 42;
		} catch (...) {
			throw;
		}
	} catch (int n) {
		std::cout << "caught again: " << n << std::endl;
	}

	std::map<std::string, int> words;
	std::istringstream text("the map is a cache of what the regions say and the cache is the map");
	for (std::string w; text >> w;)
		words[w]++;
	for (const auto &w : words)
		std::cout << "  " << w.first << " " << w.second << std::endl;

	std::vector<std::unique_ptr<Shape>> shapes;
	shapes.push_back(std::make_unique<Square>(3));
	shapes.push_back(std::make_unique<Circle>(2));
	for (const auto &s : shapes)
		std::cout << "area " << s->area() << std::endl;
	std::cout << "dynamic_cast " << (dynamic_cast<Circle *>(shapes[1].get()) != nullptr) << std::endl;
	return 0;
}
