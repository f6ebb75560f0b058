// SPDX-License-Identifier: Apache-2.0
using System;
class Hello {
    static void Main(string[] args) {
        Console.WriteLine("Hello from C#, {0} arguments", args.Length);
    }
}
