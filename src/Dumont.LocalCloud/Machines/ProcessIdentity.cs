using System.Globalization;
using System.Runtime.InteropServices;

namespace Dumont.LocalCloud.Machines;

/// <summary>A process that cannot be mistaken for a later one with the same number.</summary>
/// <param name="Pid">Process number on this computer.</param>
/// <param name="StartTicks">Start time in clock ticks since the computer's boot, field 22 of <c>/proc/PID/stat</c>.</param>
internal sealed partial record ProcessIdentity(int Pid, long StartTicks)
{
    public const int Kill = 9;
    public const int Terminate = 15;
    public const int User1 = 10;
    public const int User2 = 12;
    public const int Continue = 18;
    public const int Stop = 19;

    /// <summary>The process with this number, or null where there is none or it has ended and waits to be reaped.</summary>
    public static ProcessIdentity? Find(int pid)
    {
        try
        {
            var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"));
            // The second field is the program's name in parentheses and may hold anything.
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? null : new ProcessIdentity(pid, long.Parse(fields[19], CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return null;
        }
    }

    public bool IsAlive => Find(Pid) == this;

    /// <summary>Its first child, or null. The process that <c>unshare</c> forked is the machine's init.</summary>
    public ProcessIdentity? FindChild()
    {
        try
        {
            var children = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{Pid}/task/{Pid}/children"));
            var first = children.Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
            return first is null ? null : Find(int.Parse(first, CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Sends a signal unless the process is gone.</summary>
    public void Signal(int signal)
    {
        if (IsAlive)
        {
            // Lost races are harmless: the process ended in between.
            _ = SendSignal(Pid, signal);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int pid, int signal);
}
