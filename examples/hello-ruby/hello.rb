# SPDX-License-Identifier: Apache-2.0
puts "Hello from Ruby, #{[1, 2, 3].map { |n| n * n }.sum}"
