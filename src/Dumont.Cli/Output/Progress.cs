using System.Globalization;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Output;

/// <summary>Tells on standard error what is being waited for: one changing line on a terminal, else a line a phase and one every ten seconds.</summary>
internal sealed class Progress(CliEnvironment environment, GlobalOptions options)
{
    private const int BarWidth = 24;

    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(10);

    private readonly Style _style = Style.For(environment, options, environment.ErrorIsTerminal);
    private readonly long _started = environment.Time.GetTimestamp();
    private string? _phase;
    private TimeSpan _lastPlain;
    private int _lineWidth;
    private int _frame;
    private (string Phase, double Bytes, TimeSpan At)? _measuredFrom;

    /// <summary>Call again and again; writes only what is due.</summary>
    /// <param name="phase">What is being done.</param>
    /// <param name="detail">How far it is; changes all the time.</param>
    public void Report(string phase, string detail = "")
    {
        if (options.Quiet)
        {
            return;
        }

        phase = TerminalText.Line(phase);
        detail = detail.Length == 0 ? "" : "  " + TerminalText.Line(detail);
        var elapsed = environment.Time.GetElapsedTime(_started);
        if (environment.ErrorIsTerminal)
        {
            var mark = "|/-\\"[_frame++ % 4];
            var text = string.Create(CultureInfo.InvariantCulture, $"{mark} {phase}{detail}  {elapsed.TotalSeconds:0.0} s");
            environment.Error.Write('\r' + _style.Faint(text) + new string(' ', Math.Max(0, _lineWidth - text.Length)));
            _lineWidth = text.Length;
        }
        else if (phase != _phase || elapsed - _lastPlain >= PlainInterval)
        {
            environment.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"phase={phase} elapsed={elapsed.TotalSeconds:0}s{detail}"));
            _lastPlain = elapsed;
        }

        _phase = phase;
        environment.Error.Flush();
    }

    /// <summary>The same with how much is done: a bar, the rate and the time that is left at this rate.</summary>
    public void Report(string phase, double bytesDone, double bytesTotal)
    {
        var elapsed = environment.Time.GetElapsedTime(_started);
        if (_measuredFrom is not { } from || from.Phase != phase || bytesDone < from.Bytes)
        {
            _measuredFrom = from = (phase, bytesDone, elapsed);
        }

        var share = Math.Clamp(bytesDone / bytesTotal, 0, 1);
        var seconds = (elapsed - from.At).TotalSeconds;
        var rate = seconds > 0 ? (bytesDone - from.Bytes) / seconds : 0;
        var filled = (int)Math.Round(share * BarWidth);
        var detail = string.Create(
            CultureInfo.InvariantCulture,
            $"[{new string('#', filled)}{new string('.', BarWidth - filled)}] {share * 100:0}%  {CellFormat.Bytes((long)bytesDone)} / {CellFormat.Bytes((long)bytesTotal)}");
        if (rate > 0)
        {
            detail += $"  {CellFormat.Bytes((long)rate)}/s";
            detail += share < 1 ? string.Create(CultureInfo.InvariantCulture, $"  ETA {Math.Ceiling((bytesTotal - bytesDone) / rate):0} s") : "";
        }

        Report(phase, detail);
    }

    /// <summary>Clears the changing line.</summary>
    public void End()
    {
        if (_lineWidth > 0)
        {
            environment.Error.Write('\r' + new string(' ', _lineWidth) + '\r');
            environment.Error.Flush();
            _lineWidth = 0;
        }
    }
}
