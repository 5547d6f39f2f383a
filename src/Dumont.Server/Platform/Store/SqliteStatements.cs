using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Dumont.Server.Platform.Store;

/// <summary>A SQLite connection that keeps its statements prepared. The product has some two hundred texts and runs them over and over; preparing one costs
/// more than running it (ADR-0006). Not thread-safe, as the connection beneath it.</summary>
internal sealed class SqliteStatements(SqliteConnection connection) : DbConnection
{
    private const int StatementsMax = 512;

    private readonly Dictionary<string, SqliteCommand> _idle = [];
    private readonly Dictionary<string, string> _names = [];

    /// <inheritdoc />
    [AllowNull]
    public override string ConnectionString
    {
        get => connection.ConnectionString;
        set => connection.ConnectionString = value;
    }

    /// <inheritdoc />
    public override string Database => connection.Database;

    /// <inheritdoc />
    public override string DataSource => connection.DataSource;

    /// <inheritdoc />
    public override string ServerVersion => connection.ServerVersion;

    /// <inheritdoc />
    public override ConnectionState State => connection.State;

    /// <inheritdoc />
    public override void Open() => connection.Open();

    /// <inheritdoc />
    public override void Close() => connection.Close();

    /// <inheritdoc />
    public override void ChangeDatabase(string databaseName) => connection.ChangeDatabase(databaseName);

    /// <inheritdoc />
    protected override DbTransaction BeginDbTransaction(IsolationLevel isolationLevel)
    {
        // Every transaction of the product writes; one that begins by reading could fail where it turns to writing.
        Execute("BEGIN IMMEDIATE");
        return new Transaction(this);
    }

    /// <inheritdoc />
    protected override DbCommand CreateDbCommand() => new Statement(this);

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var command in _idle.Values)
            {
                command.Dispose();
            }

            _idle.Clear();
            connection.Dispose();
        }

        base.Dispose(disposing);
    }

    // SQLite rolls back by itself when its disk is full or fails.
    private bool IsInTransaction => raw.sqlite3_get_autocommit(connection.Handle) == 0;

    private SqliteCommand Take(string text)
    {
        if (_idle.Remove(text, out var kept))
        {
            return kept;
        }

        var command = connection.CreateCommand();
        command.CommandText = text;
        return command;
    }

    private void Keep(SqliteCommand command)
    {
        command.Parameters.Clear();
        if (_idle.Count >= StatementsMax || !_idle.TryAdd(command.CommandText, command))
        {
            command.Dispose();
        }
    }

    private void Execute(string text)
    {
        var command = Take(text);
        try
        {
            command.ExecuteNonQuery();
        }
        finally
        {
            Keep(command);
        }
    }

    /// <summary>The name with its sign, as the statement has it: without, SQLite is asked for each of the three signs in turn.</summary>
    private string NameOf(string name)
    {
        if (!_names.TryGetValue(name, out var signed))
        {
            _names[name] = signed = $"@{name}";
        }

        return signed;
    }

    /// <summary>A transaction whose own statements are kept prepared too.</summary>
    private sealed class Transaction(SqliteStatements owner) : DbTransaction
    {
        private bool _isOver;

        public override IsolationLevel IsolationLevel => IsolationLevel.Serializable;

        protected override DbConnection DbConnection => owner;

        public override void Commit()
        {
            owner.Execute("COMMIT");
            _isOver = true;
        }

        public override void Rollback()
        {
            _isOver = true;
            if (owner.IsInTransaction)
            {
                owner.Execute("ROLLBACK");
            }
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing && !_isOver)
            {
                Rollback();
            }

            base.Dispose(disposing);
        }
    }

    /// <summary>One use of a statement. Which one it is, is known when it is given its text; parameters come after that.</summary>
    private sealed class Statement(SqliteStatements owner) : DbCommand
    {
        private SqliteCommand? _command;
        private int? _timeout;

        [AllowNull]
        public override string CommandText
        {
            get => _command?.CommandText ?? "";
            set
            {
                Return();
                _command = owner.Take(value ?? "");
            }
        }

        public override int CommandTimeout
        {
            get => _timeout ?? 30;
            set => _timeout = value;
        }

        public override CommandType CommandType
        {
            get => CommandType.Text;
            set
            {
                if (value != CommandType.Text)
                {
                    throw new NotSupportedException($"SQLite has no commands of type {value}.");
                }
            }
        }

        public override bool DesignTimeVisible { get; set; }

        public override UpdateRowSource UpdatedRowSource { get; set; }

        protected override DbConnection? DbConnection
        {
            get => owner;
            set => throw new NotSupportedException("A statement belongs to its connection.");
        }

        protected override DbTransaction? DbTransaction { get; set; }

        protected override DbParameterCollection DbParameterCollection => Command.Parameters;

        private SqliteCommand Command => _command ?? throw new InvalidOperationException("The statement has no text yet.");

        public override void Cancel() => Command.Cancel();

        public override void Prepare() => Ready().Prepare();

        public override int ExecuteNonQuery() => Ready().ExecuteNonQuery();

        public override object? ExecuteScalar() => Ready().ExecuteScalar();

        protected override DbParameter CreateDbParameter() => new SqliteParameter();

        protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior) => Ready().ExecuteReader(behavior);

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                Return();
            }

            base.Dispose(disposing);
        }

        private SqliteCommand Ready()
        {
            foreach (SqliteParameter parameter in Command.Parameters)
            {
                if (char.IsLetter(parameter.ParameterName[0]))
                {
                    parameter.ParameterName = owner.NameOf(parameter.ParameterName);
                }
            }

            if (_timeout is { } seconds)
            {
                Command.CommandTimeout = seconds;
            }

            return Command;
        }

        private void Return()
        {
            if (_command is { } command)
            {
                _command = null;
                owner.Keep(command);
            }
        }
    }
}
