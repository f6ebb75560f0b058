// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <string>
#include <vector>

int main()
{
	std::vector<std::string> words{ "Hello", "from", "C++" };

	for (const auto &w : words)
		std::cout << w << (&w == &words.back() ? "\n" : " ");
}
