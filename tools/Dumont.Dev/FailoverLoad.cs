using System.Globalization;
using System.Text;

namespace Dumont.Dev;

/// <summary>20 MB/s of mixed writes on a machine, and how much of them is there afterwards.</summary>
/// <remarks>A tick comes every 50 ms and writes 1 MiB: a quarter appended to a log, half in place into a file of 64 MiB, a quarter as sixteen small files. Every record
/// begins and ends with the number of its tick. What counts is the last tick of which, and before which, everything is there.</remarks>
internal static class FailoverLoad
{
    private const string Folder = "/workspace/.bench";

    private const string Common =
        """
        use strict; use warnings; use Time::HiRes qw(time sleep);
        my $folder = '/workspace/.bench'; my ($log, $block, $small, $slots, $perLog, $files, $names) = (262144, 524288, 16384, 128, 100, 16, 64);
        sub record { my ($tick, $micros, $size, $fill) = @_; my $head = sprintf('%016d%016d', $tick, $micros); return $head . substr($fill, $tick % 4096, $size - 48) . sprintf('%016d', $tick); }
        sub look { my ($path, $offset, $size, $tick) = @_; open(my $f, '<:raw', $path) or return 0; my ($a, $b);
          seek($f, $offset, 0); return 0 unless (read($f, $a, 32) // 0) == 32; seek($f, $offset + $size - 16, 0); return 0 unless (read($f, $b, 16) // 0) == 16;
          return $a =~ /^\d{32}$/ && $b =~ /^\d{16}$/ && substr($a, 0, 16) == $tick && $b == $tick ? substr($a, 16, 16) : 0; }

        """;

    private const string Writer =
        """
        open(my $r, '<:raw', '/dev/urandom') or die; read($r, my $fill, $block + 4096) == $block + 4096 or die; close($r);
        open(my $b, '+>:raw', "$folder/blocks") or die; binmode($b); my ($tick, $start) = (0, time());
        $SIG{ALRM} = sub { exit 0 }; alarm(600);
        while (1) { $tick++; my $micros = int(time() * 1e6);
          my $n = int($tick / $perLog); open(my $l, '>>:raw', "$folder/log-$n") or die; syswrite($l, record($tick, $micros, $log, $fill)); close($l); unlink("$folder/log-" . ($n - 2)) if $n > 1;
          sysseek($b, ($tick % $slots) * $block, 0); syswrite($b, record($tick, $micros, $block, $fill));
          for my $i (1 .. $files) { open(my $s, '>:raw', "$folder/small-" . ($tick % $names) . "-$i") or die; syswrite($s, record($tick, $micros, $small, $fill)); close($s); }
          my $wait = $start + $tick * 0.05 - time(); sleep($wait) if $wait > 0; }

        """;

    // Micros of the last complete tick, ticks of it, and ticks of the newest that left a trace.
    private const string Checker =
        """
        sub whole { my ($t) = @_; my $m = look("$folder/log-" . int($t / $perLog), (($t % $perLog) - ($t < $perLog ? 1 : 0)) * $log, $log, $t) or return 0;
          look("$folder/blocks", ($t % $slots) * $block, $block, $t) or return 0;
          for my $i (1 .. $files) { look("$folder/small-" . ($t % $names) . "-$i", 0, $small, $t) or return 0; } return $m; }
        my $newest = 0; for my $slot (0 .. $slots - 1) { open(my $f, '<:raw', "$folder/blocks") or next; seek($f, $slot * $block, 0); my $a; next unless (read($f, $a, 16) // 0) == 16 && $a =~ /^\d+$/; $newest = $a + 0 if $a > $newest; }
        my ($last, $at) = (0, 0); my $from = $newest > 60 ? $newest - 60 : 1;
        for my $t ($from .. $newest) { my $m = whole($t) or last; ($last, $at) = ($t, $m); }
        printf("%d %d %d\n", $at, $last, $newest);
        """;

    /// <summary>A command that brings the scripts into the workspace and begins to write.</summary>
    public static string Begin { get; } =
        $"mkdir -p {Folder} && rm -rf {Folder}/* && {Put("load.pl", Common + Writer)} && {Put("check.pl", Common + Checker)} && "
        + $"(setsid perl {Folder}/load.pl </dev/null >{Folder}/trouble 2>&1 &)";

    /// <summary>A command that says how much there is.</summary>
    public static string Check => $"perl {Folder}/check.pl";

    /// <summary>How old the last complete tick was at an instant; null when there is none among the last three seconds of ticks.</summary>
    public static TimeSpan? AgeAt(DateTimeOffset instant, string checkedOutput) =>
        checkedOutput.Trim().Split('\n')[^1].Split(' ') is [var micros, _, _] && long.TryParse(micros, NumberStyles.None, CultureInfo.InvariantCulture, out var at) && at > 0
            ? instant - DateTimeOffset.UnixEpoch.AddMicroseconds(at)
            : null;

    private static string Put(string name, string script) =>
        $"echo {Convert.ToBase64String(Encoding.UTF8.GetBytes(script))} | base64 -d > {Folder}/{name}";
}
