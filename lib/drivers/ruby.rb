# SPDX-License-Identifier: Apache-2.0
# The driver of ruby (docs/guest.md). It is one lambda, so that the job finds no variables of it.
-> {
  device = File.open('/dev/hl', 'r+b')
  read_answer = -> {
    all = ''.b
    begin
      loop { all << device.sysread(1 << 20) }
    rescue EOFError
      all
    end
  }
  ask = ->(question) {
    device.syswrite(question)
    read_answer.call.split("\0", -1)[0...-1].map { |s| s.force_encoding(Encoding.default_external) }
  }
  complain = ->(text) {
    $stderr.syswrite("hl: ruby: #{text}\n")
    exit!(1)
  }

  ARGV.each do |word|
    name = word.delete_suffix('?')
    begin
      require name
    rescue LoadError => e
      next if word != name && e.path == name
      complain.call("module '#{name}': #{e.message}")
    end
    begin
      device.syswrite("call loaded\n#{name}")
    rescue SystemCallError
      nil
    end
  end
  Dir.chdir('/')
  GC.start
  begin
    device.syswrite('save')
  rescue SystemCallError => e
    complain.call("cannot be saved: #{e.message}")
  end

  ENV.replace(ask.call('environ').to_h { |item| item.split('=', 2) })
  Dir.chdir(ask.call('dir')[0])
  option, *rest = ask.call('args')
  device.close
  [$stdin, $stdout, $stderr].each_with_index do |stream, fd|
    stream.sync = fd == 2 || stream.isatty
  end
  $stdout.sync = false
  Random.srand
  names = defined?(Dir::Tmpname) && Dir::Tmpname
  names.const_get(:RANDOM).send(:initialize) if names && names.const_defined?(:RANDOM)
  OpenSSL::Random.seed(Random.urandom(48)) if defined?(OpenSSL::Random)
  if option == '-e'
    code = rest.shift
  elsif option == '-'
    code = $stdin.read || ''
  else
    begin
      code = File.read(option)
    rescue SystemCallError => e
      $stderr.write("ruby: #{e.class.new.message} -- #{option} (LoadError)\n")
      exit!(1)
    end
  end
  ARGV.replace(rest)
  $0 = option
  if option != '-e' && (at = code.b.index(/^__END__\r?\n/))
    Object.const_set(:DATA, option == '-' ? StringIO.new(code) : File.open(option))
    DATA.pos = at + code.b[at..].index("\n") + 1
  end
  script = option != '-e' && option != '-' && File.realpath(option)
  Kernel.define_method(:__dir__) do
    at = caller_locations(1, 1)[0]
    path = at.absolute_path || (script if at.path == option)
    path && File.dirname(path)
  end
  Kernel.send(:private, :__dir__)
  below = caller(0).size + 1
  begin
    TOPLEVEL_BINDING.eval(code, option, 1)
  rescue SystemExit, SignalException
    raise
  rescue SyntaxError => e
    e.set_backtrace([])
    raise e
  rescue Exception => e
    trim = ->(one) {
      text = one.message
      one.define_singleton_method(:message) { text }
      trace = one.backtrace
      one.set_backtrace(trace[0...[trace.size - below, 1].max]) if trace
      trim.call(one.cause) if one.cause
    }
    trim.call(e)
    raise e
  end
}.call
