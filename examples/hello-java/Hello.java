// SPDX-License-Identifier: Apache-2.0
public class Hello {
	public static void main(String[] args) throws Exception {
		Thread t = new Thread(() -> System.out.println("Hello from Java, " + args.length + " arguments"));
		t.start();
		t.join();
	}
}
