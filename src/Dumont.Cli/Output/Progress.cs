using System.Globalization;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Output;

/// <summary>Tells on standard error what is being waited for: one changing line on a terminal, else a line a phase and one every ten seconds.</summary>
internal sealed class Progress(CliEnvironment environment, GlobalOptions options)
{
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(10);

    private readonly Style _style = Style.For(environment, options, environment.ErrorIsTerminal);
    private readonly long _started = environment.Time.GetTimestamp();
    private string? _phase;
    private TimeSpan _lastPlain;
    private int _lineWidth;
    private int _frame;

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
